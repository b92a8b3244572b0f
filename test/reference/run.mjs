#!/usr/bin/env node
/**
 * Runs the test suite that sails-hook-sockets ships in its npm package, unchanged, against this package's hook.
 *
 *   node test/reference/run.mjs [--hook ours|reference] [--report FILE]
 *
 * The suite requires its hook as `../` and its errors as `../lib/errors`: a scratch folder puts shims there.
 * Its ports are fixed (Redis on 6380 with the password `secret`, apps on 1500–1604, 1684 and 1685), so the run is
 * refused when one of them is taken. What the suite needs from npm is installed once, under node_modules/.cache.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const REDIS_PORT = 6380;
const REDIS_PASSWORD = 'secret';
const APP_PORTS = [...Array.from({ length: 105 }, (_, i) => 1500 + i), 1684, 1685];
const SUITE_LIMIT_MS = 240_000;

const { values: options } = parseArgs({
  options: { hook: { type: 'string', default: 'ours' }, report: { type: 'string' } },
});
if (options.hook !== 'ours' && options.hook !== 'reference')
  fail(`--hook takes "ours" or "reference", got "${options.hook}"`);

function fail(message) {
  console.error(`reference suite: ${message}`);
  process.exit(2);
}

function referenceFolder() {
  return dirname(createRequire(join(root, 'package.json')).resolve('sails-hook-sockets/package.json'));
}

/** Installs what the suite requires, once per lock file, and returns the node_modules folder. */
function installDependencies() {
  const lock = readFileSync(join(here, 'package-lock.json'));
  const key = createHash('sha256').update(lock).digest('hex').slice(0, 16);
  const cache = join(root, 'node_modules', '.cache', 'reference-suite');
  const folder = join(cache, key);
  if (existsSync(folder)) return join(folder, 'node_modules');
  mkdirSync(cache, { recursive: true });
  const staging = mkdtempSync(join(cache, 'staging-'));
  for (const file of ['package.json', 'package-lock.json']) cpSync(join(here, file), join(staging, file));
  cpSync(join(root, '.npmrc'), join(staging, '.npmrc'));
  const npm = spawnSync('npm', ['ci', '--ignore-scripts', '--no-progress'], { cwd: staging, stdio: 'inherit' });
  if (npm.status !== 0) {
    rmSync(staging, { recursive: true, force: true });
    fail('npm ci for the suite failed (see above)');
  }
  renameSync(staging, folder);
  return join(folder, 'node_modules');
}

/** The suite's own files beside shims that lead to the hook under test. */
function makeScratchFolder(nodeModules) {
  const scratch = mkdtempSync(join(tmpdir(), 'reference-suite-'));
  const reference = referenceFolder();
  cpSync(join(reference, 'test'), join(scratch, 'test'), { recursive: true });
  symlinkSync(nodeModules, join(scratch, 'node_modules'), 'dir');
  mkdirSync(join(scratch, 'lib'));
  const [hook, errors] =
    options.hook === 'ours'
      ? [join(root, 'dist/hook/index.js'), join(here, 'errors-shim.cjs')]
      : [join(reference, 'index.js'), join(reference, 'lib/errors.js')];
  if (!existsSync(hook)) fail(`${hook} is missing: run \`npm run build\` first`);
  writeFileSync(join(scratch, 'index.js'), `module.exports = require(${JSON.stringify(hook)});\n`);
  writeFileSync(join(scratch, 'lib/errors.js'), `module.exports = require(${JSON.stringify(errors)});\n`);
  return scratch;
}

function portIsFree(port) {
  return new Promise((settle) => {
    const server = createServer();
    server.once('error', () => settle(false));
    server.listen(port, () => server.close(() => settle(true)));
  });
}

async function refuseTakenPorts() {
  for (const port of [REDIS_PORT, ...APP_PORTS]) {
    if (!(await portIsFree(port))) fail(`port ${port} is taken; the suite's ports are fixed, free it and run again`);
  }
}

function redisCommand() {
  for (const name of ['redis-server', 'valkey-server']) {
    if (spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0) return name;
  }
  return fail(
    'needs redis-server or valkey-server on PATH (Debian: apt-get install redis-server; macOS: brew install redis)',
  );
}

/** Settles once the server answers a PING on the suite's port. */
async function startRedis(folder) {
  const args = ['--port', String(REDIS_PORT), '--bind', '127.0.0.1', '--requirepass', REDIS_PASSWORD];
  const server = spawn(redisCommand(), [...args, '--save', '', '--appendonly', 'no', '--dir', folder], {
    stdio: 'ignore',
  });
  const exited = new Promise((settle) => server.once('exit', settle));
  const deadline = Date.now() + 10_000;
  while (!(await redisAnswers())) {
    if (server.exitCode !== null || Date.now() > deadline) {
      server.kill('SIGKILL');
      fail(`Redis did not start on port ${REDIS_PORT}`);
    }
    await new Promise((settle) => setTimeout(settle, 25));
  }
  return async () => {
    server.kill('SIGTERM');
    await exited;
  };
}

function redisAnswers() {
  return new Promise((settle) => {
    const connection = createConnection(REDIS_PORT, '127.0.0.1');
    connection.once('error', () => settle(false));
    connection.once('data', () => settle(true));
    connection.once('close', () => settle(false));
    connection.once('data', () => connection.destroy());
    connection.write('PING\r\n');
  });
}

/** Runs mocha as the suite's own package.json does. */
function runMocha(scratch, report) {
  const mocha = join(scratch, 'node_modules/mocha/bin/_mocha');
  const args = [mocha, 'test', '--timeout', '5000', '--reporter', join(here, 'mocha-report.cjs')];
  const env = { ...process.env, REFERENCE_REPORT: report };
  for (const name of Object.keys(env))
    if (name.startsWith('FLOTILLA_') || name === 'NODE_ENV' || name === 'PORT') delete env[name];
  const child = spawn(process.execPath, args, { cwd: scratch, env, stdio: 'inherit' });
  const limit = setTimeout(() => child.kill('SIGKILL'), SUITE_LIMIT_MS);
  return new Promise((settle) => {
    child.once('exit', (code, signal) => {
      clearTimeout(limit);
      settle(signal ?? code);
    });
  });
}

await refuseTakenPorts();
const scratch = makeScratchFolder(installDependencies());
const report = join(scratch, 'report.json');
const stopRedis = await startRedis(scratch);
let ended;
try {
  ended = await runMocha(scratch, report);
} finally {
  await stopRedis();
}
const result = existsSync(report)
  ? JSON.parse(readFileSync(report, 'utf8'))
  : {
      passed: 0,
      failed: 1,
      failures: [{ title: 'the suite', message: `mocha ended with ${ended} before it reported` }],
    };
rmSync(scratch, { recursive: true, force: true });
if (options.report) writeFileSync(options.report, `${JSON.stringify(result, null, 2)}\n`);
for (const failure of result.failures) console.error(`\nFAIL ${failure.title}\n${failure.message}`);
console.log(`reference suite (${options.hook} hook): ${result.passed} passed, ${result.failed} failed`);
process.exitCode = result.failed > 0 || result.passed === 0 ? 1 : 0;
