import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readFrontDoorSettings } from '../../dist/launcher/front-door/settings';
import { type OpsPod, startOpsPod, until } from '../ops/support/ops-pod';
import { connected, scatteringClient, upgraded, virtual } from './support/clients';
import { json, RawConnection, send, sha256 } from './support/http';
import { openSessionsOnTwoWorkers } from './support/sessions';

const HEADER_TIMEOUT_MS = 400;
/** A client that polls and upgrades has several at once. */
const PER_ADDRESS = 8;

describe('limits on the head of a request', () => {
  let pod: OpsPod;
  const refused = async (reason: string) => {
    const counts = [1, 2].map(
      (worker) => `flotilla_http_requests_refused_total{worker="${worker}",reason="${reason}"}`,
    );
    return ((await pod.metric(counts[0] as string)) ?? 0) + ((await pod.metric(counts[1] as string)) ?? 0);
  };
  beforeAll(async () => {
    pod = await startOpsPod({
      workers: 2,
      args: ['--header-timeout', String(HEADER_TIMEOUT_MS), '--max-header-size', '4096'],
    });
  }, 60_000);
  afterAll(() => pod?.stop());

  test('connections that say nothing, half a head, or a byte now and then are answered 408 and closed; sockets stay', async () => {
    const socket = scatteringClient(pod.url, { transports: ['websocket'] });
    await connected(socket);
    const slow = Array.from({ length: 12 }, () => new RawConnection(pod.port));
    for (const [index, connection] of slow.entries())
      if (index % 3 > 0) connection.write('GET /whoami HTTP/1.1\r\nX-A: ');
    const drip = setInterval(() => {
      for (const [index, connection] of slow.entries()) if (index % 3 === 2) connection.write('a');
    }, 50);
    const answers = await Promise.all(slow.map((connection) => connection.ends()));
    clearInterval(drip);
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/);
    expect(await refused('timeout')).toBe(12);
    expect(await virtual<{ pid: number }>(socket, 'get', '/whoami')).toHaveProperty('pid');
    socket.close();
  });

  test('an upload that takes longer than a head may is not cut', async () => {
    const started = performance.now();
    const write = async (push: (chunk: Buffer) => void) => {
      while (performance.now() - started < 4 * HEADER_TIMEOUT_MS) {
        push(Buffer.from('flotilla'));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const { length, hash } = await json<{ length: number; hash: string }>(`${pod.url}/hash`, { method: 'POST', write });
    expect(length).toBeGreaterThan(0);
    expect(hash).toBe(sha256('flotilla'.repeat(length / 8)));
  });

  test('a head over the size is answered 431, one below it passes, to another worker too', async () => {
    const filler = (bytes: number) => ({ 'X-Filler': 'x'.repeat(bytes) });
    const tooLarge = await send(`${pod.url}/whoami`, { headers: filler(5_000) });
    expect(tooLarge.status).toBe(431);
    expect(await refused('header-too-large')).toBe(1);
    expect((await send(`${pod.url}/whoami`, { headers: filler(3_500) })).status).toBe(200);
    for (const { url } of await openSessionsOnTwoWorkers(pod.url)) {
      const headers = { ...filler(3_500), 'Content-Type': 'text/plain' };
      expect((await send(url, { method: 'POST', body: '40', headers })).status).toBe(200);
    }
  });

  test('what is no HTTP is answered 400 and counted', async () => {
    const connection = new RawConnection(pod.port);
    connection.write('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\n\r\n');
    expect(await connection.ends()).toMatch(/^HTTP\/1.1 400 /);
    expect(await refused('malformed')).toBe(1);
  });
});

describe('limits on connections', () => {
  const sockets: Socket[] = [];
  let pod: OpsPod;
  const hold = async (localAddress = '127.0.0.1') => {
    const socket = scatteringClient(pod.url, { transports: ['websocket'], localAddress } as object);
    sockets.push(socket);
    await connected(socket);
    return socket;
  };
  const allClosed = () =>
    until(
      () => Promise.all([1, 2].map((worker) => pod.metric(`flotilla_http_connections{worker="${worker}"}`))),
      (open) => open.every((count) => !count),
    );
  const closeAll = async () => {
    for (const socket of sockets.splice(0)) socket.close();
    await allClosed();
  };
  const refused = (reason: string) =>
    pod.metric(`flotilla_connections_refused_total{reason="${reason}",worker="primary"}`);
  const answers = (status: number) =>
    until(
      () => send(`${pod.url}/whoami`),
      (answer) => answer.status === status,
    );

  describe('of a worker', () => {
    beforeAll(async () => {
      // what is refused as full is not kept waiting
      pod = await startOpsPod({ workers: 2, args: ['--max-connections', '2', '--unavailable-after', '60000'] });
    }, 60_000);
    afterEach(closeAll);
    afterAll(() => pod?.stop());

    test('with every worker full, a request is answered 503 with Retry-After, a large one too, and counted', async () => {
      for (let index = 0; index < 4; index++) await hold();
      const get = await send(`${pod.url}/whoami`);
      expect([get.status, get.headers['retry-after'], get.headers.connection]).toEqual([503, '5', 'close']);
      expect(get.body.toString()).toMatch(/as many connections as it can take/);
      const post = await send(`${pod.url}/hash`, { method: 'POST', body: Buffer.alloc(300_000) });
      expect(post.status).toBe(503);
      expect(await refused('full')).toBe(2);
      sockets.pop()?.close();
      await answers(200);
    });
  });

  describe('of an address', () => {
    beforeAll(async () => {
      pod = await startOpsPod({ workers: 2, args: ['--max-connections-per-address', String(PER_ADDRESS)] });
    }, 60_000);
    afterEach(closeAll);
    afterAll(() => pod?.stop());

    test('over it 429 with Retry-After, counted; other addresses are not touched; what ends is free again', async () => {
      for (let index = 0; index < PER_ADDRESS; index++) await hold();
      const further = await send(`${pod.url}/whoami`);
      expect([further.status, further.headers['retry-after']]).toEqual([429, '5']);
      expect(await refused('address')).toBe(1);
      const other = await hold('127.0.0.2');
      expect(await virtual(other, 'get', '/whoami')).toHaveProperty('pid');
      sockets.shift()?.close();
      await answers(200);
    });

    test('upgrades that are handed over, and workers that are killed, leave nothing counted', async () => {
      for (let round = 0; round < 10; round++) {
        // The primary hears of ends a moment after the workers have counted them: refused until then, it tries again.
        const socket = scatteringClient(pod.url, {
          transports: ['polling', 'websocket'],
          reconnection: true,
          reconnectionDelay: 50,
        });
        await new Promise<void>((resolve) => socket.io.once('open', resolve));
        await upgraded(socket);
        socket.close();
        await allClosed();
      }
      for (let index = 0; index < PER_ADDRESS; index++) await hold();
      await answers(429);
      for (const { pid } of (await pod.status()).workers) process.kill(pid as number, 'SIGKILL');
      await answers(200);
      for (let index = 0; index < PER_ADDRESS; index++) await hold();
      await answers(429);
    });
  });
});

test('a worker that is ready and has too much to do makes connections wait: none is refused', async () => {
  const pod = await startOpsPod({ workers: 1, args: ['--unavailable-after', '500'] });
  const pid = (await pod.status()).workers[0]?.pid as number;
  process.kill(pid, 'SIGSTOP');
  // more than the primary sends it ahead
  const answers = Promise.all(Array.from({ length: 200 }, () => send(`${pod.url}/whoami`)));
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  process.kill(pid, 'SIGCONT');
  expect((await answers).filter(({ status }) => status !== 200)).toEqual([]);
  await pod.stop();
});

test('connections that wait for a busy worker when the pod stops are served when it comes to them: none is refused', async () => {
  const pod = await startOpsPod({ workers: 1, args: ['--grace', '20000'] });
  const pid = (await pod.status()).workers[0]?.pid as number;
  process.kill(pid, 'SIGSTOP');
  const answers = Promise.all(Array.from({ length: 300 }, () => send(`${pod.url}/whoami`)));
  await until(
    async () => readdirSync(`/proc/${pod.program.pid}/fd`).length,
    (files) => files > 300,
  );
  const ended = pod.stop();
  await until(
    () => isListening(pod.port),
    (listens) => !listens,
  );
  process.kill(pid, 'SIGCONT');
  expect((await answers).filter(({ status }) => status !== 200)).toEqual([]);
  expect((await ended).code).toBe(0);
});

test('connections whose worker takes them too late in a stop are answered 503, not cut', async () => {
  const pod = await startOpsPod({ workers: 1, args: ['--grace', '2000'] });
  const pid = (await pod.status()).workers[0]?.pid as number;
  process.kill(pid, 'SIGSTOP');
  const asked = Array.from({ length: 300 }, () => send(`${pod.url}/whoami`));
  const answers = Promise.allSettled(asked);
  await until(
    async () => readdirSync(`/proc/${pod.program.pid}/fd`).length,
    (files) => files > 300,
  );
  await pod.stop();
  // what was sent ahead to the worker dies with it
  const refused = (await answers).filter((answer) => answer.status === 'fulfilled' && answer.value.status === 503);
  expect(refused.length).toBeGreaterThanOrEqual(230);
});

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

test.each([
  [
    { headerTimeoutMs: 5_000, requestTimeoutMs: 1_000 },
    /headerTimeoutMs is 5000 and requestTimeoutMs 1000.*FLOTILLA_REQUEST_TIMEOUT_MS/,
  ],
  [{ maxHeaderSize: 100 }, /maxHeaderSize is 100; it must be a whole number from 1024 to 1048576/],
  [
    { proxyProtocolFrom: '10.0.0.0/8,10.0.0.300' },
    /proxyProtocolFrom has "10\.0\.0\.300".*FLOTILLA_PROXY_PROTOCOL_FROM/,
  ],
  [{ proxyProtocolFrom: '10.0.0.0/33' }, /proxyProtocolFrom has "10\.0\.0\.0\/33"/],
  [{ mode: 'sticky' as const, maxConnectionsPerAddress: 5 }, /maxConnectionsPerAddress is 5.*--mode route/],
  [{ mode: 'sticky' as const, proxyProtocolFrom: '::1' }, /proxyProtocolFrom is "::1".*--mode route/],
])('%j is refused with setting, value and cure', (options, message) => {
  const { mode = 'route', ...limits } = { mode: undefined, ...options };
  expect(() => readFrontDoorSettings(limits, mode)).toThrow(
    expect.objectContaining({ code: 'E_LAUNCH_SETTING', message: expect.stringMatching(message) }),
  );
});
