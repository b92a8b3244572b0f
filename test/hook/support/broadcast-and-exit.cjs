'use strict';

/** What a script of an app does (`sails run`): loads it without listening, broadcasts, lowers it. */
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { Sails } = require('sails');

const app = Sails();
const appPath = mkdtempSync(join(tmpdir(), 'flotilla-hook-'));
process.once('exit', () => rmSync(appPath, { recursive: true, force: true }));
app.load(
  {
    appPath,
    globals: false,
    log: { level: 'error' },
    hooks: { grunt: false, sockets: require('../../../dist/hook') },
  },
  (error) => {
    if (error) throw error;
    app.sockets.blast('from a script', { text: 'ahoy' });
    app.lower((lowerError) => {
      if (lowerError) throw lowerError;
    });
  },
);
