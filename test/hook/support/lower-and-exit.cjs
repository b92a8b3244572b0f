'use strict';

/** Lifts an app, prints its port, and lowers it when a line arrives. Ends only if nothing keeps the process alive. */
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { Sails } = require('sails');

const app = Sails();
const appPath = mkdtempSync(join(tmpdir(), 'flotilla-hook-'));
process.once('exit', () => rmSync(appPath, { recursive: true, force: true }));
const anyPort = () => ({
  configure() {
    app.config.port = 0;
  },
});

app.lift(
  {
    appPath,
    explicitHost: '127.0.0.1',
    globals: false,
    log: { level: 'error', noShip: true },
    hooks: { grunt: false, sockets: require('../../../dist/hook'), anyPort },
    sockets: { transports: ['polling', 'websocket'] },
  },
  (error) => {
    if (error) throw error;
    console.log(app.hooks.http.server.address().port);
    process.stdin.once('data', () => {
      app.lower((lowerError) => {
        if (lowerError) throw lowerError;
        process.stdin.pause();
      });
    });
  },
);
