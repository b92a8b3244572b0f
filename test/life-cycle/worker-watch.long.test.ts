import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { heapShare, memoryLimit } from '../../dist/launcher/life-cycle/memory-share';
import { json, send } from '../launcher/support/http';
import { startFixture } from './support/pod';

const MIB = 1024 * 1024;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'worker-watch-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function cgroup(name: string, own: string, files: Record<string, string>): { cgroupRoot: string; ownCgroup: string } {
  const cgroupRoot = join(folder, name);
  const ownCgroup = join(folder, `${name}.self`);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(cgroupRoot, path)), { recursive: true });
    writeFileSync(join(cgroupRoot, path), text);
  }
  writeFileSync(ownCgroup, own);
  return { cgroupRoot, ownCgroup };
}

describe('the memory of the control group', () => {
  test('is the tightest limit of v2, ancestors included', () => {
    const sources = cgroup('v2', '0::/slice/pod\n', {
      'slice/memory.max': `${512 * MIB}\n`,
      'slice/pod/memory.max': 'max\n',
    });
    expect(memoryLimit(sources)).toBe(512 * MIB);
  });

  test('is that of v1, also where the path is the host’s and the root the container’s', () => {
    const sources = cgroup('v1', '5:cpu,cpuacct:/x\n4:memory:/docker/abc\n', {
      'memory/memory.limit_in_bytes': `${256 * MIB}\n`,
    });
    expect(memoryLimit(sources)).toBe(256 * MIB);
  });

  test('is none where nothing limits it', () => {
    const v1 = cgroup('none1', '4:memory:/\n', { 'memory/memory.limit_in_bytes': '9223372036854771712\n' });
    expect(memoryLimit(v1)).toBeUndefined();
    expect(memoryLimit(cgroup('none2', '0::/\n', { 'memory.max': 'max\n' }))).toBeUndefined();
  });

  test('gives each process its share of three quarters', () => {
    expect(heapShare(1024 * MIB, 4)).toBe(192);
  });
});

describe('watching workers', () => {
  test('a worker whose heap is nearly full is replaced by drain before it runs out of memory', async () => {
    const pod = await startFixture({
      workers: 1,
      args: ['--max-old-space', '200', '--recycle-at', '60', '--stuck-after', '4000'],
    });
    const { pid } = await json<{ pid: number }>(`${pod.url}/hoard?mb=150`, { method: 'POST' });
    const [line] = await pod.logged(/worker 1 has used \d+ % of its heap/);
    expect(line?.pid).toBe(pid);
    await pod.logged(/worker stopped/);
    const after = await json<{ pid: number; worker: string }>(`${pod.url}/whoami`);
    expect([after.worker, after.pid === pid]).toEqual(['2', false]);
    expect(pod.log().some(({ msg }) => /starting another|did not stop within/.test(msg))).toBe(false);
    expect((await pod.stop()).code).toBe(0);
  });

  test('a stuck worker is reported, gets no new connections, and comes back when it is free', async () => {
    const pod = await startFixture({ workers: 2, args: ['--stuck-after', '2000'] });
    const gate = join(folder, 'free');
    const blocked = send(`${pod.url}/block?until=${gate}`, { method: 'POST' });
    const [line] = await pod.logged(/is stuck: its event loop has been blocked for over 2000 ms/);
    for (let round = 0; round < 6; round++) {
      expect((await json<{ pid: number }>(`${pod.url}/whoami`)).pid).not.toBe(line?.pid);
    }
    writeFileSync(gate, '');
    expect((await blocked).status).toBe(200);
    await pod.logged(/is no longer stuck/);
    while ((await json<{ pid: number }>(`${pod.url}/whoami`)).pid !== line?.pid);
    expect((await pod.stop()).code).toBe(0);
  });

  test('a stuck worker is replaced where that is wanted', async () => {
    const pod = await startFixture({ workers: 1, args: ['--stuck-after', '2000', '--replace-stuck'] });
    const blocked = send(`${pod.url}/block?until=${join(folder, 'never')}`, { method: 'POST' }).catch(() => 'cut');
    await pod.logged(/is stuck/);
    await pod.logged(/worker ready/, 2);
    expect(await blocked).toBe('cut');
    expect((await json<{ worker: string }>(`${pod.url}/whoami`)).worker).toBe('2');
    expect((await pod.stop()).code).toBe(0);
  });
});
