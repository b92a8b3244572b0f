import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { DEFAULT_OPS_PORT } from '../../dist/launcher/ops/settings';
import { connected, scatteringClient } from '../launcher/support/clients';
import { linesOf, startCommand } from '../launcher/support/pod';
import { RedisServer } from '../support/redis-server';
import { type OpsPod, startOpsPod, until } from './support/ops-pod';

interface Probe {
  code: number;
  status: string;
  checks: Record<string, { status: string; detail: string }>;
}

async function probe(ops: string, name: string): Promise<Probe> {
  const response = await fetch(`${ops}/${name}`);
  return { code: response.status, ...((await response.json()) as Omit<Probe, 'code'>) };
}

let pod: OpsPod | undefined;
let redis: RedisServer | undefined;
afterEach(async () => {
  await pod?.stop();
  await redis?.stop();
  pod = undefined;
  redis = undefined;
});

describe('the probes', () => {
  it('while the app lifts: live, not started, not ready; then all three', async () => {
    const program = startCommand({ workers: 1, env: { FIXTURE_BOOTSTRAP_MS: '1500' } });
    await program.says(/ops server on/);
    const ops = `http://127.0.0.1:${linesOf(program).find(({ msg }) => msg.startsWith('ops server'))?.port}`;
    expect((await probe(ops, 'livez')).code).toBe(200);
    expect(await probe(ops, 'startupz')).toMatchObject({ code: 503, status: 'failed' });
    expect((await probe(ops, 'readyz')).checks.workers).toEqual({
      status: 'failed',
      detail: '0 of 1 workers are ready',
    });
    await program.says(/all 1 workers are ready/);
    for (const name of ['livez', 'startupz', 'readyz']) expect(await probe(ops, name)).toMatchObject({ code: 200 });
    // what was to be expected is no alarm, and so its end is none either
    expect(linesOf(program).filter(({ level, msg }) => level >= 40 || msg.startsWith('good again'))).toEqual([]);
    await program.stop();
  });

  it('while it drains: live, and not ready, with the reason', async () => {
    pod = await startOpsPod({ workers: 1, args: ['--drain-delay', '1500'] });
    const ended = pod.stop();
    const { ops } = pod;
    const draining = await until(
      () => probe(ops, 'readyz'),
      ({ code }) => code === 503,
    );
    expect(draining.checks.draining).toEqual({ status: 'failed', detail: expect.stringContaining('draining') });
    expect((await probe(ops, 'livez')).code).toBe(200);
    expect((await probe(ops, 'startupz')).code).toBe(200);
    expect((await ended).code).toBe(0);
    pod = undefined;
  });

  it('with every worker gone: not ready, and the reason is logged once', async () => {
    pod = await startOpsPod({ workers: 1, env: { FIXTURE_BOOTSTRAP_MS: '2500' } });
    const { ops } = pod;
    const [worker] = (await pod.status()).workers;
    process.kill(worker?.pid as number, 'SIGKILL');
    await until(
      () => probe(ops, 'readyz'),
      ({ code }) => code === 503,
    );
    for (let again = 0; again < 3; again++) await probe(ops, 'readyz');
    expect((await probe(ops, 'livez')).code).toBe(200);
    await pod.logged(/good again: 1 of 1 workers are ready/);
    expect(pod.log().filter(({ msg }) => msg.includes('not ready: 0 of 1 workers are ready'))).toHaveLength(1);
  });

  it.each([
    ['degraded', 200],
    ['strict', 503],
  ])('out of reach of Redis (%s): %i', async (rule, code) => {
    redis = await RedisServer.start();
    pod = await startOpsPod({
      workers: 1,
      args: ['--readiness-redis', rule],
      env: { FLOTILLA_REDIS_URL: redis.url },
    });
    const { ops } = pod;
    expect(await probe(ops, 'readyz')).toMatchObject({ code: 200, checks: { link: { status: 'ok' } } });
    await redis.stop();
    redis = undefined;
    const out = await until(
      () => probe(ops, 'readyz'),
      ({ checks }) => checks.link?.status !== 'ok',
    );
    expect(out).toMatchObject({ code, checks: { link: { detail: expect.stringContaining('Redis is out of reach') } } });
    expect((await probe(ops, 'livez')).code).toBe(200);
  });

  it('waiting for Redis counts as started', async () => {
    const program = startCommand({
      workers: 1,
      args: ['--redis-required'],
      env: { FLOTILLA_REDIS_URL: 'redis://127.0.0.1:1' },
    });
    await program.says(/ops server on/);
    const ops = `http://127.0.0.1:${linesOf(program).find(({ msg }) => msg.startsWith('ops server'))?.port}`;
    const started = await until(
      () => probe(ops, 'startupz'),
      ({ code }) => code === 200,
    );
    expect(started.checks.started?.detail).toContain('waits for Redis');
    expect((await probe(ops, 'readyz')).code).toBe(503);
    await program.stop('SIGKILL');
  });
});

describe('its port', () => {
  it('the default one, taken: a free one, with a warning', async () => {
    const holder = createServer();
    // somebody else may have it: that is as good
    await new Promise<void>((resolve) => {
      holder.once('error', () => resolve());
      holder.listen(DEFAULT_OPS_PORT, '127.0.0.1', resolve);
    });
    try {
      pod = await startOpsPod({ workers: 1, env: { FLOTILLA_OPS_PORT: undefined } });
      expect(pod.log().some(({ level, msg }) => level === 40 && msg.includes(`port ${DEFAULT_OPS_PORT}`))).toBe(true);
      expect((await probe(pod.ops, 'livez')).code).toBe(200);
    } finally {
      if (holder.listening) await new Promise((resolve) => holder.close(resolve));
    }
  });

  it('one that was asked for, taken: the start is refused', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as { port: number };
    const program = startCommand({ workers: 1, args: ['--ops-port', String(port)] });
    const { code } = await program.ended();
    expect(code).toBe(1);
    expect(linesOf(program).find(({ level }) => level === 60)).toMatchObject({
      code: 'E_PORT_BUSY',
      msg: expect.stringContaining('--ops-port'),
    });
    await new Promise((resolve) => holder.close(resolve));
  });

  it('--no-ops: none, and the pod serves', async () => {
    const program = startCommand({ workers: 1, args: ['--no-ops'] });
    await program.says(/all 1 workers are ready/);
    expect(program.output()).not.toContain('ops server');
    await program.stop();
  });

  it('a token that is too short is refused', async () => {
    const program = startCommand({ workers: 1, env: { FLOTILLA_OPS_TOKEN: 'short' } });
    const { code, output } = await program.ended();
    expect([code, output]).toEqual([1, expect.stringContaining('FLOTILLA_OPS_TOKEN must be 16 characters or more')]);
  });
});

describe('what stays behind', () => {
  it('sockets stay connected while probes and metrics are read', async () => {
    pod = await startOpsPod({ workers: 2 });
    const socket = scatteringClient(pod.url, { transports: ['websocket'] });
    await connected(socket);
    for (let round = 0; round < 5; round++) {
      await fetch(`${pod.ops}/metrics`);
      await probe(pod.ops, 'readyz');
    }
    expect(socket.connected).toBe(true);
    socket.disconnect();
  });
});
