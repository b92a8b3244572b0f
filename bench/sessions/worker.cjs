'use strict';

/** One app with sessions in Redis: `node worker.cjs ours|reference <redis port>`. Tells its port, and its CPU time when asked. */
const { mkdtempSync, rmSync, symlinkSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join, resolve } = require('node:path');
const { Sails } = require('sails');

const [variant, redisPort] = process.argv.slice(2);
const repository = resolve(__dirname, '../..');
const appPath = mkdtempSync(join(tmpdir(), 'flotilla-bench-'));
// Sails requires a session adapter from the app's own node_modules.
symlinkSync(join(repository, 'node_modules'), join(appPath, 'node_modules'));
process.on('exit', () => rmSync(appPath, { recursive: true, force: true }));

const url = `redis://127.0.0.1:${redisPort}/0`;
const app = Sails();
const anyPort = () => ({
  configure() {
    app.config.port = 0;
  },
});
const variants = {
  ours: {
    hook: () => require(join(repository, 'dist/hook')),
    config: { flotilla: { redis: url }, session: { secret: 's' } },
  },
  reference: {
    hook: () => require('sails-hook-sockets'),
    config: { session: { secret: 's', adapter: '@sailshq/connect-redis', url } },
  },
};
const { hook, config } = variants[variant];

app.lift(
  {
    appPath,
    explicitHost: '127.0.0.1',
    globals: false,
    log: { level: 'error', noShip: true },
    hooks: { grunt: false, sockets: hook(), anyPort },
    routes: {
      'GET /read': (req, res) => res.json({ user: req.session.user }),
      'POST /write': (req, res) => {
        req.session.count = (req.session.count ?? 0) + 1;
        res.json({ count: req.session.count });
      },
      'POST /login': (req, res) => {
        req.session.user = 'ada';
        req.session.profile = { name: 'Ada', roles: ['a', 'b'], text: 'x'.repeat(400) };
        res.json({});
      },
    },
    ...config,
  },
  (error) => {
    if (error) throw error;
    process.send({ port: app.hooks.http.server.address().port });
  },
);

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send({ cpuUs: user + system });
});
process.on('disconnect', () => process.exit());
