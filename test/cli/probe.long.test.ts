import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer, type Server } from 'node:net';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lifted, lift, lowerAll } from '../hook/support/lift.js';
import { type RunningPod, startPod } from '../launcher/support/pod.js';
import { RedisServer } from '../support/redis-server.js';
import { flotilla } from './support.js';

const TOKEN = 'a token for the probe';

const probe = (args: string[], token: string | undefined = TOKEN) =>
  flotilla(['probe', ...args], { env: { FLOTILLA_PROBE_TOKEN: token } });

/** Lifts an app in this process that has this token, or none. */
async function liftWithToken(token: string | undefined, overrides: Record<string, unknown> = {}): Promise<Lifted> {
  const before = process.env.FLOTILLA_PROBE_TOKEN;
  if (token === undefined) delete process.env.FLOTILLA_PROBE_TOKEN;
  else process.env.FLOTILLA_PROBE_TOKEN = token;
  try {
    return await lift(overrides);
  } finally {
    if (before === undefined) delete process.env.FLOTILLA_PROBE_TOKEN;
    else process.env.FLOTILLA_PROBE_TOKEN = before;
  }
}

afterAll(lowerAll);

describe('flotilla probe, one pod of two workers', () => {
  let pod: RunningPod;
  beforeAll(async () => {
    pod = await startPod({ env: { FLOTILLA_PROBE_TOKEN: TOKEN, FLOTILLA_POD_NAME: 'the-pod' } });
  });
  afterAll(() => pod.stop());

  it('connects to both, and says so', async () => {
    const { code, output } = await probe([pod.url, '--json']);
    expect(output).toMatch(/^\{/);
    const result = JSON.parse(output);
    expect(code).toBe(0);
    expect(result.apart).toBe('workers');
    expect(result.sockets.map(({ worker }: { worker: number }) => worker).sort()).toEqual([1, 2]);
    expect(result.sockets[0].podName).toBe('the-pod');
  });

  it('fails where two pods are required, and says what it may be', async () => {
    const { code, output } = await probe([pod.url, '--pods', '2', '--timeout', '3000']);
    expect(output).toMatch(/one pod \(the-pod\), and two are required.*affinity.*--pods 1/);
    expect(code).toBe(1);
  });

  it('tells of a token that is another', async () => {
    const { code, output } = await probe([pod.url], 'some other token of that length');
    expect(output).toMatch(/another FLOTILLA_PROBE_TOKEN/);
    expect(code).toBe(1);
  });

  it('tells of a path at which there is no Socket.IO', async () => {
    const { code, output } = await probe([pod.url, '--path', '/elsewhere', '--timeout', '1000']);
    expect(output).toMatch(/No socket could be connected to http.* within 1000 ms/);
    expect(code).toBe(1);
  });

  it('wants a token, and an address', async () => {
    expect(await probe([pod.url], '')).toMatchObject({
      code: 1,
      output: expect.stringMatching(/PROBE_TOKEN is not set/),
    });
    expect(await probe(['shop'])).toMatchObject({
      code: 2,
      output: expect.stringMatching(/"shop" is not the address/),
    });
  });
});

describe('flotilla probe, two pods', () => {
  let redis: RedisServer;
  let proxy: Server;
  beforeAll(async () => {
    redis = await RedisServer.start();
    const overrides = { flotilla: { redis: redis.url }, sockets: { onlyAllowOrigins: ['https://shop.example'] } };
    const apps = [await liftWithToken(TOKEN, overrides), await liftWithToken(TOKEN, overrides)];
    let next = 0;
    proxy = createServer((client) => {
      // three connections in a row go to one pod
      const { port } = apps[Math.floor(next++ / 3) % 2] as Lifted;
      const upstream = connectTcp(port, '127.0.0.1');
      for (const [from, to] of [[client, upstream] as const, [upstream, client] as const]) {
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
      }
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
  });
  afterAll(async () => {
    proxy.close();
    await lowerAll();
    await redis.stop();
  });

  it('sends a broadcast from one to the other', async () => {
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const { code, output } = await probe([url, '--pods', '2', '--origin', 'https://shop.example']);
    expect(output).toMatch(
      /^socket 1: pod .* round trip .* ms\nsocket 2: pod .*\nbroadcast: from pod to pod, .* ms \(\d+ tries for the second socket\)/,
    );
    expect(code).toBe(0);
  });

  it('tells of an origin that is not allowed', async () => {
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const { code, output } = await probe([url, '--timeout', '1000']);
    expect(output).toMatch(/400.*--origin/);
    expect(code).toBe(1);
  });
});

describe('/flotilla-probe', () => {
  const connectError = async (url: string, namespace: string, auth: Record<string, unknown> = {}) => {
    const socket = io(url + namespace, { transports: ['websocket'], forceNew: true, reconnection: false, auth });
    const [error] = await once(socket as never, 'connect_error');
    socket.close();
    return { message: (error as Error).message, data: (error as { data?: unknown }).data };
  };

  it('does not exist without FLOTILLA_PROBE_TOKEN, like any unknown namespace', async () => {
    const { url } = await liftWithToken(undefined);
    const unknown = await connectError(url, '/no-such-namespace');
    expect(await connectError(url, '/flotilla-probe', { token: TOKEN })).toEqual(unknown);
    const { output } = await probe([url]);
    expect(output).toMatch(/does not serve \/flotilla-probe: start its pods with FLOTILLA_PROBE_TOKEN/);
  });

  it('lets nobody in without the token', async () => {
    const { url } = await liftWithToken(TOKEN);
    for (const token of [undefined, '', 'x', { length: TOKEN.length }, `${TOKEN}x`]) {
      expect((await connectError(url, '/flotilla-probe', { token })).data).toEqual({ code: 'E_PROBE_TOKEN' });
    }
  });

  it('survives messages that make no sense', async () => {
    const { url } = await liftWithToken(TOKEN);
    const socket = io(`${url}/flotilla-probe`, { transports: ['websocket'], forceNew: true, auth: { token: TOKEN } });
    for (const event of ['whoami', 'echo', 'join', 'broadcast']) {
      socket.emit(event);
      socket.emit(event, null, null, null);
      socket.emit(event, { toString: 1 }, 7);
    }
    socket.emit('join', 'x'.repeat(1_000));
    expect(await socket.emitWithAck('echo', { a: [1, null] })).toEqual({ a: [1, null] });
    socket.close();
  });

  it('refuses to lift with a token that could be guessed', async () => {
    await expect(liftWithToken('short', { log: { level: 'silent' } })).rejects.toMatchObject({ code: 'E_PROBE_TOKEN' });
  });
});
