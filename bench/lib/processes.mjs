// Child processes of the benchmarks: started, listened to, and ended with the benchmark itself.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');
const children = new Set();

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
// An interrupted benchmark fails with the codes that shells give (128 and the signal's number), and takes its processes along.
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

/** Starts a process in the project's directory. What it says is kept (its end), and announced by the event `said`. */
export function start(command, args, env = {}) {
  const child = spawn(command, args, { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  child.output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      child.output = (child.output + chunk).slice(-20_000);
      child.emit('said');
    });
  }
  child.once('exit', () => children.delete(child));
  return child;
}

/** Waits until a process has said something that matches, and gives the match. */
export function says(child, pattern) {
  return new Promise((done, reject) => {
    const look = () => {
      const match = pattern.exec(child.output);
      if (!match) return;
      child.off('said', look);
      child.off('exit', ended);
      done(match);
    };
    const ended = () => reject(new Error(`${child.spawnargs.join(' ')} ended:\n${child.output}`));
    child.on('said', look);
    child.once('exit', ended);
    look();
  });
}

/** A Redis of the benchmark's own, which keeps nothing. */
export async function startRedis() {
  const port = await freePort();
  const child = start('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '']);
  await says(child, /Ready to accept connections/);
  return { child, port };
}

export async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** The processes below one, itself first (Linux). */
export function family({ pid }) {
  const pids = [pid];
  for (const each of pids) {
    const below = readFileSync(`/proc/${each}/task/${each}/children`, 'utf8');
    pids.push(...below.trim().split(' ').filter(Boolean).map(Number));
  }
  return pids;
}

/** CPU time that processes have taken so far, in seconds (Linux). */
export function cpuSeconds(pids) {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / 100;
}

/** Memory of a process in bytes, what it shares with others counted in part (PSS; Linux). */
export function memoryBytes(pid) {
  const [, kib] = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  return Number(kib) * 1024;
}

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
