'use strict';

/**
 * One app of the benchmark: `node worker.cjs flotilla|sails-hook-sockets none|memory|pod|redis`. Tells its port, and its CPU
 * time when asked.
 */
const { mkdtempSync, rmSync, symlinkSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join, resolve } = require('node:path');
const { Sails } = require('sails');

const [variant, store] = process.argv.slice(2);
const { REDIS_URL } = process.env;
const repository = resolve(__dirname, '../..');
const dist = (file) => require(join(repository, 'dist', file));
const appPath = mkdtempSync(join(tmpdir(), 'flotilla-bench-'));
// Sails requires a session adapter from the app's own node_modules.
symlinkSync(join(repository, 'node_modules'), join(appPath, 'node_modules'));
process.on('exit', () => rmSync(appPath, { recursive: true, force: true }));

const isOurs = variant === 'flotilla';
// Without Redis and a shared hub our hook takes core's memory store, too.
if (store !== 'pod') delete process.env.FLOTILLA_HUB;

function sessionConfig() {
  const session = { secret: 's' };
  if (isOurs || store === 'memory')
    return { session, ...(store === 'redis' ? { flotilla: { redis: REDIS_URL } } : {}) };
  if (store === 'redis') return { session: { ...session, adapter: '@sailshq/connect-redis', url: REDIS_URL } };
  if (store === 'pod') return { session: { ...session, adapter: podStoreForEverybody() } };
  return { session };
}

/** The pod's store as an app with the reference hook could use it. */
function podStoreForEverybody() {
  const log = { debug() {}, info() {}, warn: console.warn, error: console.error };
  const identity = dist('bus/identity').readIdentity();
  const fleet = dist('bus/join-fleet').joinFleet({ identity, log });
  return dist('session/pod-session-adapter').createPodSessionAdapter((method, args) =>
    fleet.call('session', method, args),
  );
}

const app = Sails();
app.lift(
  {
    appPath,
    explicitHost: '127.0.0.1',
    globals: false,
    log: { level: 'error', noShip: true },
    hooks: {
      grunt: false,
      sockets: isOurs ? dist('hook') : require('sails-hook-sockets'),
      ...(store === 'none' ? { session: false } : {}),
      anyPort: () => ({
        configure() {
          app.config.port = 0;
        },
      }),
    },
    routes: {
      'GET /ping': (_req, res) => res.json({ ok: true }),
      'GET /user': (req, res) => res.json({ user: req.session.user }),
      'POST /echo': (req, res) => res.json(req.body),
      'POST /login': (req, res) => {
        if (req.session)
          Object.assign(req.session, { user: 'ada', profile: { roles: ['a', 'b'], text: 'x'.repeat(400) } });
        res.json({});
      },
    },
    ...sessionConfig(),
  },
  (error) => {
    if (error) throw error;
    // What a bare acknowledgement costs, in the same process.
    const io = app.io ?? app.hooks.sockets.io;
    io.on('connection', (socket) =>
      socket.on('bare', (_message, acknowledge) => acknowledge({ body: { ok: true }, statusCode: 200 })),
    );
    process.send({ port: app.hooks.http.server.address().port });
  },
);

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send({ cpuUs: user + system });
});
// The benchmark is over, or has failed: this process must not outlive it.
process.on('disconnect', () => process.exit());
