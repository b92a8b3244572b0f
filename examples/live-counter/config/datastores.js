const path = require('node:path');

/**
 * One SQLite file that all workers on this machine share, in write-ahead-log mode.
 * Workers on several machines need a database server: `DATABASE_URL=postgres://user:password@host/name`.
 */
const sqlite = {
  adapter: 'sails-sqlite',
  url: process.env.LIVE_COUNTER_DB || path.resolve(__dirname, '../.tmp/live-counter.sqlite'),
  pragmas: {
    journal_mode: 'WAL',
    // Another worker may hold the write lock: wait for it, in milliseconds.
    busy_timeout: 10000,
    // The adapter's defaults set aside 256 MB in every worker.
    cache_size: -8192,
    mmap_size: 0,
  },
};

const postgresql = { adapter: 'sails-postgresql', url: process.env.DATABASE_URL };

module.exports.datastores = {
  default: process.env.DATABASE_URL ? postgresql : sqlite,
};
