const { readFile } = require('node:fs/promises');
const path = require('node:path');

// Any number will do, as long as nothing else in the database locks the same one.
const ADVISORY_LOCK = 4720301;

module.exports = {
  friendlyName: 'Create tables',
  description: 'Create the tables that are missing. Several workers may do this at the same moment.',
  sideEffects: 'idempotent',

  fn: async () => {
    const datastore = sails.getDatastore();
    const onPostgresql = datastore.config.adapter === 'sails-postgresql';
    const file = onPostgresql ? 'postgresql.sql' : 'sqlite.sql';
    const script = await readFile(path.resolve(sails.config.appPath, 'database', file), 'utf8');
    const statements = script
      .split(';')
      .map((statement) => statement.trim())
      .filter(Boolean);

    if (!onPostgresql) {
      // SQLite itself lets one process at a time change the schema, and the others wait (`busy_timeout`).
      for (const statement of statements) await datastore.sendNativeQuery(statement);
      return;
    }

    // In PostgreSQL two `CREATE TABLE IF NOT EXISTS` at the same moment can fail, so the workers take turns.
    await datastore.transaction(async (connection) => {
      await datastore.sendNativeQuery(`SELECT pg_advisory_xact_lock(${ADVISORY_LOCK})`).usingConnection(connection);
      for (const statement of statements) await datastore.sendNativeQuery(statement).usingConnection(connection);
    });
  },
};
