'use strict';

/** One worker of a fleet: an app whose hub the environment names. Tells its port, then does what clients ask of it. */
const { createHash } = require('node:crypto');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { Sails } = require('sails');

const app = Sails();
const appPath = process.env.TEST_APP_PATH ?? mkdtempSync(join(tmpdir(), 'flotilla-hook-'));
process.once('exit', () => rmSync(appPath, { recursive: true, force: true }));
const anyPort = () => ({
  configure() {
    app.config.port = 0;
  },
});
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');

const routes = {
  'GET /whoami': (req, res) => res.json({ pid: process.pid, id: app.sockets.getId(req), session: req.sessionID }),
  'GET /sync': (_req, res) => res.send('sync'),
  'POST /count': (req, res) => {
    req.session.count = (req.session.count ?? 0) + 1;
    res.json({ count: req.session.count, id: req.sessionID, pid: process.pid });
  },
  // Calls a method of `sails.sockets`, and answers what it calls back with.
  'POST /call': (req, res) => {
    let calls = 0;
    app.sockets[req.body.method](...req.body.args, (error) => {
      calls += 1;
      setImmediate(() => res.json({ calls, code: error?.code, ids: error?.ids }));
    });
  },
  // Calls it without a callback, and answers at once.
  'POST /fire': (req, res) => {
    app.sockets[req.body.method](...req.body.args);
    res.ok();
  },
  'PUT /join/:room': (req, res) => {
    app.sockets.join(req, req.param('room'));
    res.ok();
  },
  'POST /binary': (req, res) => {
    const big = Buffer.alloc(2 * 1024 * 1024, 7);
    app.sockets.broadcast(req.body.room, 'bytes', {
      a: Buffer.from([0, 1, 255, 254]),
      b: [Buffer.alloc(0), new Uint8Array([9, 255])],
      c: big,
      nested: { d: { e: Buffer.from('x') } },
    });
    res.json({ a: '0001fffe', c: hash(big) });
  },
  'GET /counters': (_req, res) => res.json(app.hooks.sockets.counters),
  'GET /fleet': async (_req, res) => res.json(await app.sockets.fleet()),
};

app.lift(
  {
    appPath,
    explicitHost: '127.0.0.1',
    globals: false,
    log: { level: 'error', noShip: true },
    hooks: { grunt: false, sockets: require('../../../dist/hook'), anyPort },
    sockets: { transports: ['polling', 'websocket'], maxHttpBufferSize: 10e6 },
    session: { secret: 'a secret that the workers share' },
    flotilla: JSON.parse(process.env.TEST_FLOTILLA ?? '{}'),
    routes,
  },
  (error) => {
    if (error) throw error;
    process.send({ port: app.hooks.http.server.address().port });
  },
);

process.on('message', (message) => {
  if (message === 'lower') app.lower(() => process.disconnect());
});
process.on('disconnect', () => process.exit());
