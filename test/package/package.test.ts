import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { io } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { freePort } from '../support/free-port';
import { type Program, runProgram, startProgram } from '../support/program';

/** The repository. */
const ROOT = resolve(__dirname, '../..');

/** What `npm install` of a Sails app may take on a slow machine with an empty npm cache. */
const INSTALL_TIMEOUT_MS = 240_000;

let folder: string;
/** An app as `sails new --minimal` makes it, with the packed tarball installed. */
let app: string;
const running: Program[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flotilla-package-'));
  // Without scripts: `prepare` would compile into dist/ while other tests run from it.
  const packed = await runProgram('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], {
    cwd: ROOT,
  });
  const tarball = join(folder, packed.trim());

  const sails = join(ROOT, 'node_modules/sails/bin/sails.js');
  await runProgram(process.execPath, [sails, 'new', 'app', '--minimal', '--fast'], { cwd: folder });
  app = join(folder, 'app');
  writeFileSync(
    join(app, 'config/routes.js'),
    `module.exports.routes = {
      'GET /who': { action: 'who' },
      'GET /remember': { action: 'remember' },
      'POST /shout': { action: 'shout' },
    };\n`,
  );
  // By name: without Redis that is the pod's own store.
  writeFileSync(
    join(app, 'config/session.js'),
    "module.exports.session = { secret: 'a secret of the test', adapter: 'sails-hook-flotilla/session' };\n",
  );
  mkdirSync(join(app, 'api/controllers'), { recursive: true });
  writeFileSync(
    join(app, 'api/controllers/who.js'),
    `module.exports = { fn: async function () {
      if (this.req.isSocket) sails.sockets.join(this.req, 'everybody');
      return { pid: process.pid, isSocket: Boolean(this.req.isSocket) };
    } };\n`,
  );
  writeFileSync(
    join(app, 'api/controllers/shout.js'),
    `module.exports = { inputs: { text: { type: 'string' } }, fn: async function ({ text }) {
      sails.sockets.broadcast('everybody', 'shouted', { text, from: process.pid });
    } };\n`,
  );
  writeFileSync(
    join(app, 'api/controllers/remember.js'),
    `module.exports = { inputs: { key: { type: 'string' } }, fn: async function ({ key }) {
      if (key) this.req.session[key] = true;
      // Every request holds the session for a while, so that requests at once overlap.
      await new Promise((resolve) => setTimeout(resolve, 50));
      return { pid: process.pid, keys: Object.keys(this.req.session).filter((name) => name !== 'cookie').sort() };
    } };\n`,
  );
  const flags = ['--omit=dev', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  await runProgram('npm', ['install', ...flags, tarball], { cwd: app });
}, INSTALL_TIMEOUT_MS);

afterEach(async () => {
  for (const program of running.splice(0)) await program.stop('SIGKILL');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function flotilla(...args: string[]): Program {
  const program = startProgram(join(app, 'node_modules/.bin/flotilla'), args, {
    cwd: app,
    env: { NODE_ENV: 'development', FORCE_COLOR: '0' },
  });
  running.push(program);
  return program;
}

it('is a hook that Sails finds, and needs nothing else installed', async () => {
  const script = `
    const hook = require('sails-hook-flotilla');
    const { sails } = require('sails-hook-flotilla/package.json');
    console.log(typeof hook, JSON.stringify(sails));
  `;
  const output = await runProgram(process.execPath, ['-e', script], { cwd: app });
  expect(output.trim()).toBe('function {"isHook":true,"hookName":"sockets"}');
});

it('is a session adapter by the path that Sails requires, and by name', async () => {
  const script = `
    const path = require('node:path');
    const byPath = require(path.resolve('node_modules', 'sails-hook-flotilla/session'));
    const Store = byPath(require('express-session'));
    const store = new Store({ url: 'redis://127.0.0.1:1' });
    console.log(byPath === require('sails-hook-flotilla/session'), typeof store.get);
    store.close();
  `;
  const output = await runProgram(process.execPath, ['-e', script], { cwd: app });
  expect(output.trim()).toBe('true function');
});

it('has types for what it exports', async () => {
  writeFileSync(
    join(app, 'typed.ts'),
    `import hook = require('sails-hook-flotilla');
     import { createAdapter } from 'sails-hook-flotilla/adapter';
     import { createEmitter } from 'sails-hook-flotilla/emitter';
     import { setup } from 'sails-hook-flotilla/primary';
     export const made = [hook, createAdapter, createEmitter, setup] satisfies ((...args: never[]) => unknown)[];
     // @ts-expect-error no such option: the types are real ones
     createAdapter({ hubPth: '/tmp/hub.sock' });\n`,
  );
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const types = join(ROOT, 'node_modules/@types');
  await runProgram(
    process.execPath,
    [
      tsc,
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'node20',
      '--types',
      'node',
      '--typeRoots',
      types,
      'typed.ts',
    ],
    { cwd: app },
  );
});

it('every file that package.json names is in the tarball', () => {
  const root = join(app, 'node_modules/sails-hook-flotilla');
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    main: string;
    types: string;
    bin: Record<string, string>;
    exports: Record<string, string | Record<string, string>>;
  };
  const named = [
    manifest.main,
    manifest.types,
    ...Object.values(manifest.bin),
    ...Object.values(manifest.exports).flatMap((entry) => (typeof entry === 'string' ? entry : Object.values(entry))),
  ];
  for (const path of named) expect(readFileSync(join(root, path), 'utf8'), path).not.toBe('');
});

it('npx flotilla tells its version', async () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const output = await runProgram('npx', ['--no-install', 'flotilla', '--version'], { cwd: app });
  expect(output).toContain(version);
});

it('flotilla start lifts the new app on 2 workers, which answer HTTP and virtual requests and hear each other', async () => {
  const port = await freePort();
  const program = flotilla('start', '--workers', '2', '--port', String(port), '--host', '127.0.0.1');
  const pids = await twoWorkers(program, port);
  expect(pids.size).toBe(2);

  const url = `http://127.0.0.1:${port}`;
  const sockets = [];
  const socketPids = new Set<unknown>();
  try {
    // Connections go to the worker with the fewest sockets: a few are enough to have both.
    while (socketPids.size < 2 && sockets.length < 20) {
      const socket = io(url, {
        transports: ['websocket'],
        forceNew: true,
        query: { __sails_io_sdk_version: '1.2.1' },
      });
      sockets.push(socket);
      const response = (await socket.timeout(10_000).emitWithAck('get', { method: 'get', url: '/who' })) as {
        statusCode: number;
        body: { pid: number; isSocket: boolean };
      };
      expect(response).toMatchObject({ statusCode: 200, body: { isSocket: true } });
      socketPids.add(response.body.pid);
    }
    expect(socketPids).toEqual(pids);

    const heard = sockets.map((socket) => new Promise((resolve) => socket.once('shouted', resolve)));
    const shout = await fetch(`${url}/shout`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"text":"ahoy"}',
    });
    expect(shout.status).toBe(200);
    for (const message of await Promise.all(heard)) expect(message).toMatchObject({ text: 'ahoy' });
  } finally {
    for (const socket of sockets) socket.disconnect();
  }

  const { code } = await program.stop();
  expect(code).toBe(0);
});

it('with sessions switched on, all workers share them without any setting, and a worker that dies takes none along', async () => {
  const rcPath = join(app, '.sailsrc');
  const rc = readFileSync(rcPath, 'utf8');
  writeFileSync(rcPath, rc.replace('"session": false,', ''));
  try {
    const port = await freePort();
    const program = flotilla('start', '--workers', '2', '--port', String(port), '--host', '127.0.0.1');
    const pids = await twoWorkers(program, port);
    const url = `http://127.0.0.1:${port}`;

    const first = await fetch(`${url}/remember?key=first`);
    const cookie = (first.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    expect(cookie).toMatch(/^sails\.sid=/);
    const ask = async (path: string) => {
      const response = await fetch(url + path, { headers: { cookie, connection: 'close' } });
      return (await response.json()) as { pid: number; keys: string[] };
    };

    // At once and over both workers: none may undo what another saved.
    const names = Array.from({ length: 60 }, (_, n) => `key${n}`);
    const answers = await Promise.all(names.map((name) => ask(`/remember?key=${name}`)));
    expect(new Set(answers.map((answer) => answer.pid))).toEqual(pids);
    const expected = ['first', ...names].sort();
    expect((await ask('/remember')).keys).toEqual(expected);

    const socket = io(url, {
      transports: ['websocket'],
      forceNew: true,
      query: { __sails_io_sdk_version: '1.2.1' },
      extraHeaders: { cookie },
    });
    try {
      const response = (await socket.timeout(10_000).emitWithAck('get', { method: 'get', url: '/remember' })) as {
        body: { keys: string[] };
      };
      expect(response.body.keys).toEqual(expected);
    } finally {
      socket.disconnect();
    }

    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await twoWorkers(program, port, pids);
    expect((await ask('/remember')).keys).toEqual(expected);
    await program.stop();
  } finally {
    writeFileSync(rcPath, rc);
  }
});

it('refuses to start beside sails-hook-sockets, and names the command that removes it', async () => {
  // As after `npm install sails-hook-sockets`: Sails takes a hook that is in node_modules and in package.json.
  const installed = join(app, 'node_modules/sails-hook-sockets');
  symlinkSync(join(ROOT, 'node_modules/sails-hook-sockets'), installed, 'dir');
  const manifestPath = join(app, 'package.json');
  const manifest = readFileSync(manifestPath, 'utf8');
  const { dependencies, ...rest } = JSON.parse(manifest) as { dependencies: Record<string, string> };
  writeFileSync(
    manifestPath,
    JSON.stringify({ ...rest, dependencies: { ...dependencies, 'sails-hook-sockets': '3.0.2' } }),
  );
  try {
    const program = flotilla('start', '--workers', '2', '--port', String(await freePort()), '--host', '127.0.0.1');
    const { code, output } = await program.ended();
    expect(output).toContain('npm uninstall sails-hook-sockets');
    expect(code).toBe(1);
  } finally {
    unlinkSync(installed);
    writeFileSync(manifestPath, manifest);
  }
});

/** Asks over new connections until two workers have answered, others than those that are known to be dead. */
async function twoWorkers(program: Program, port: number, dead = new Set<number>()): Promise<Set<number>> {
  const pids = new Set<number>();
  let hasEnded = false;
  void program.ended().then(() => {
    hasEnded = true;
  });
  while (pids.size < 2) {
    if (hasEnded) throw new Error(`flotilla ended before its workers answered:\n${program.output()}`);
    try {
      const response = await fetch(`http://127.0.0.1:${port}/who`, { headers: { connection: 'close' } });
      const { pid } = (await response.json()) as { pid: number };
      if (response.ok && !dead.has(pid)) pids.add(pid);
    } catch {
      // The port is not open yet. Output is what a start makes next, or nothing for a while: ask again soon.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return pids;
}
