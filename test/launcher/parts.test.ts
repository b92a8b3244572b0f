import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { availableCpus } from '../../dist/launcher/available-cpus';
import { DrainProgress } from '../../dist/launcher/life-cycle/drain-progress';
import { createLogger } from '../../dist/launcher/logger';
import { RestartPolicy } from '../../dist/launcher/restart-policy';
import { createRuntimeDirectory, hubSocketPath, peerSocketPath } from '../../dist/launcher/runtime-directory';
import { changedKeys, type SettingsDocument } from '../../dist/launcher/settings-document';

describe('availableCpus', () => {
  const roots: string[] = [];
  afterEach(() => {
    for (const root of roots.splice(0)) rmSync(root, { recursive: true });
  });
  /** A made-up /sys/fs/cgroup and /proc/self/cgroup. */
  const sources = (files: Record<string, string>, ownCgroup: string) => {
    const root = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
    roots.push(root);
    for (const [path, text] of Object.entries({ ...files, 'own-cgroup': ownCgroup })) {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return { cpus: 8, cgroupRoot: root, ownCgroup: join(root, 'own-cgroup') };
  };

  test.each([
    ['no quota', { 'cpu.max': 'max 100000\n' }, '0::/\n', 8],
    ['v2 in a container', { 'cpu.max': '150000 100000\n' }, '0::/\n', 2],
    ['v2, a small quota', { 'cpu.max': '10000 100000\n' }, '0::/\n', 1],
    ['v2, quota of an ancestor', { 'a/cpu.max': '300000 100000\n', 'a/b/cpu.max': 'max 100000\n' }, '0::/a/b\n', 3],
    ['v1', { 'cpu/cpu.cfs_quota_us': '400000\n', 'cpu/cpu.cfs_period_us': '100000\n' }, '4:cpu,cpuacct:/\n', 4],
    ['v1 without quota', { 'cpu/cpu.cfs_quota_us': '-1\n', 'cpu/cpu.cfs_period_us': '100000\n' }, '4:cpu:/\n', 8],
    ['a quota above the machine', { 'cpu.max': '6400000 100000\n' }, '0::/\n', 8],
    ['no cgroups at all', {}, '', 8],
  ])('%s', (_name, files, own, expected) => {
    expect(availableCpus(sources(files, own))).toBe(expected);
  });
});

describe('RestartPolicy', () => {
  const crashed = { code: 1, signal: null, failure: undefined };
  const killed = { code: null, signal: 'SIGKILL', failure: undefined };

  test('gives up after three failures to lift where none ever lifted', () => {
    const policy = new RestartPolicy();
    const ended = { exit: crashed, readyForMs: undefined, permanent: false, readyWorkers: 0 };
    expect([policy.judge(ended), policy.judge(ended), policy.judge(ended)]).toEqual([
      { restartAfterMs: 100 },
      { restartAfterMs: 200 },
      { giveUp: true },
    ]);
  });

  test('gives up at once where another attempt cannot help, unless others serve', () => {
    const ended = { exit: crashed, readyForMs: undefined, permanent: true };
    expect(new RestartPolicy().judge({ ...ended, readyWorkers: 0 })).toEqual({ giveUp: true });
    expect(new RestartPolicy().judge({ ...ended, readyWorkers: 1 })).toEqual({ restartAfterMs: 100 });
  });

  test('a crash loop after the lift ends after ten in a row, with delays up to five seconds', () => {
    const policy = new RestartPolicy();
    policy.ready();
    const ended = { exit: crashed, readyForMs: 500, permanent: false, readyWorkers: 0 };
    const verdicts = Array.from({ length: 10 }, () => policy.judge(ended));
    expect(verdicts.slice(6)).toEqual([
      { restartAfterMs: 5_000 },
      { restartAfterMs: 5_000 },
      { restartAfterMs: 5_000 },
      { giveUp: true },
    ]);
  });

  test('kills from outside slow restarts down, and never end the pod', () => {
    const policy = new RestartPolicy();
    policy.ready();
    const ended = { exit: killed, readyForMs: 500, permanent: false, readyWorkers: 0 };
    const verdicts = Array.from({ length: 50 }, () => policy.judge(ended));
    expect(verdicts.at(-1)).toEqual({ restartAfterMs: 5_000 });
  });

  test('a worker that was steady is replaced at once, and wipes the slate', () => {
    const policy = new RestartPolicy();
    policy.ready();
    const early = { exit: crashed, readyForMs: 0, permanent: false, readyWorkers: 0 };
    for (let round = 0; round < 9; round++) policy.judge(early);
    expect(policy.judge({ ...early, readyForMs: 60_000 })).toEqual({ restartAfterMs: 0 });
    expect(policy.judge(early)).toEqual({ restartAfterMs: 100 });
  });
});

describe('the runtime directory', () => {
  test('is private, holds short names, and goes', () => {
    const directory = createRuntimeDirectory();
    expect(statSync(directory.path).mode & 0o777).toBe(0o700);
    expect(peerSocketPath(directory.path, 'Ab')).not.toBe(peerSocketPath(directory.path, 'aB'));
    directory.remove();
    expect(statSync(directory.path, { throwIfNoEntry: false })).toBeUndefined();
  });

  test('is somewhere short where the temporary directory has a long path', () => {
    const long = mkdtempSync(join(tmpdir(), 'x'.repeat(90)));
    const directory = createRuntimeDirectory(long);
    expect(hubSocketPath(directory.path).length).toBeLessThanOrEqual(103);
    directory.remove();
    rmSync(long, { recursive: true });
  });
});

test('a pretty log line is one line, a structured one is JSON', () => {
  const lines: string[] = [];
  const stream = { write: (text: string) => lines.push(text) };
  createLogger({ format: 'pretty', stream }).info({ worker: 3 }, 'worker ready');
  createLogger({ format: 'json', stream }).info({ worker: 3 }, 'worker ready');
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d flotilla info {2}worker ready worker=3\n$/);
  expect(JSON.parse(lines[1] as string)).toMatchObject({ name: 'flotilla', level: 30, worker: 3, msg: 'worker ready' });
});

test('the progress of a reload counts the sockets of the worker that drains, not of those before it', () => {
  const said: string[] = [];
  const stream = { write: (line: string) => void said.push((JSON.parse(line) as { msg: string }).msg) };
  const progress = new DrainProgress(createLogger({ format: 'json', stream }));
  progress.update(1, 20, 20);
  progress.update(1, 0, 20);
  progress.update(2, 0, 30);
  expect(said).toEqual([
    'draining: 20 of 20 sockets left',
    'draining: 0 of 20 sockets left',
    'draining: 0 of 30 sockets left',
  ]);
});

test('renewed certificates of Redis are no other settings: a worker that starts after their exchange is not refused', () => {
  const redis = {
    nodes: [{ host: 'redis', port: 6380 }],
    password: 'p',
    tls: { ca: ['old'], cert: 'old', key: 'old' },
  };
  const document = (change: object) => ({ redis: { ...redis, ...change } }) as unknown as SettingsDocument;
  const changed = (change: object) => changedKeys(document({}), document(change));
  expect(changed({ tls: { ca: ['old', 'new'], cert: 'new', key: 'new' } })).toEqual([]);
  for (const change of [{ tls: { ca: ['old'] } }, { tls: undefined }, { password: 'q' }]) {
    expect(changed(change)).toEqual(['redis']);
  }
});
