import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import type { Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parseOwner } from '../../dist/bus/ids';
import { dialPeer } from '../../dist/launcher/peer/dial-peer';
import { derivePeerKeys } from '../../dist/launcher/peer/peer-keys';
import { connected, inBatches, scatteringClient, upgraded, virtual } from '../launcher/support/clients';
import { json, sha256 } from '../launcher/support/http';
import { openSession } from '../launcher/support/sessions';
import { peerPortOf, TestFleet } from './support/fleet';
import { type RoundRobin, startRoundRobin } from './support/round-robin';
import { ScatteringAgent } from './support/scattering-agent';

interface Seen {
  ip: string;
  ips: string[];
  worker: string;
  forged: string | null;
}

describe('C23: two pods of two workers behind a proxy without affinity', () => {
  let fleet: TestFleet;
  let proxy: RoundRobin;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    fleet = await TestFleet.start(['pod-a', 'pod-b'], {
      env: { FIXTURE_PING_TIMEOUT_MS: '60000', FIXTURE_ANY_BUFFER: '1' },
    });
    proxy = await startRoundRobin(fleet.ports);
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.close();
  });
  afterAll(async () => {
    await proxy?.stop();
    await fleet?.stop();
  });

  const client = (transports: string[]) => {
    const socket = scatteringClient(proxy.url, { transports });
    sockets.push(socket);
    return socket;
  };

  test('C23: 50 polling-only clients: none is disconnected, no request is answered 400', async () => {
    let ends = 0;
    const clients = Array.from({ length: 50 }, () => client(['polling']));
    for (const socket of clients) socket.on('disconnect', () => ends++);
    await Promise.all(clients.map(connected));
    const owners = new Set(clients.map((socket) => (socket.io.engine.id ?? '').slice(0, 6)));
    expect(owners.size).toBe(4);
    for (let round = 0; round < 5; round++) {
      await Promise.all(clients.map((socket) => virtual(socket, 'get', '/whoami')));
    }
    expect(ends).toBe(0);
    expect(Object.keys(proxy.statuses())).toEqual(['200']);
  });

  test('C23: 1,000 clients that begin with polling: 1,000 connect, 1,000 upgrade', async () => {
    const results = await inBatches(1_000, 25, async () => {
      const socket = client(['polling', 'websocket']);
      await new Promise<void>((resolve, reject) => {
        socket.io.once('open', resolve);
        socket.io.once('error', reject);
      });
      const transport = upgraded(socket);
      await connected(socket);
      const result = {
        transport: await transport,
        owner: parseOwner(socket.io.engine.id ?? ''),
        seen: await virtual<{ worker: string; pod: string }>(socket, 'get', '/whoami'),
      };
      socket.close();
      return result;
    });
    expect(results.filter(({ transport }) => transport === 'websocket')).toHaveLength(1_000);
    expect(new Set(results.map(({ owner }) => owner?.pod)).size).toBe(2);
    expect(results.filter(({ seen }) => seen.pod === 'pod-a').length).toBeGreaterThan(300);
    expect(results.filter(({ seen }) => seen.pod === 'pod-b').length).toBeGreaterThan(300);
    expect(proxy.statuses()['400']).toBeUndefined();
  }, 120_000);

  /** A client at 127.0.0.2 whose connections go to these ports in turn. */
  const distantClient = (transports: string[], ports = fleet.ports, extraHeaders = {}) => {
    const agent = new ScatteringAgent(ports) as unknown as string;
    const socket = scatteringClient(proxy.url, { transports, agent, extraHeaders });
    sockets.push(socket);
    return socket;
  };

  test('C03: the app sees the same address over every path, and nobody can forge it', async () => {
    const forged = { 'X-Forwarded-For': '1.2.3.4', 'X-Flotilla-Peer': '{"remoteAddress":"6.6.6.6"}' };
    const seen: Seen[] = [];
    for (const pod of fleet.pods) {
      const agent = new ScatteringAgent([pod.port]);
      seen.push(await json<Seen>(`${pod.url}/address`, { agent, headers: forged }));
    }
    for (let round = 0; round < 4; round++) {
      for (const transports of [['polling'], ['polling', 'websocket'], ['websocket']]) {
        const socket = distantClient(transports, fleet.ports, forged);
        const opened = new Promise<void>((resolve) => socket.io.once('open', resolve));
        const connecting = connected(socket);
        await opened;
        if (transports.length > 1) await upgraded(socket);
        await connecting;
        seen.push(await virtual<Seen>(socket, 'get', '/address'));
      }
    }
    expect(new Set(seen.map(({ ip }) => ip.replace('::ffff:', '')))).toEqual(new Set(['127.0.0.2']));
    expect(seen.flatMap(({ ips }) => ips)).toEqual([]);
    expect(seen.filter((each) => each.forged !== null && each.forged !== undefined)).toEqual([]);
  });

  test.each([1_000, 100_000, 2_000_000])('C18: bodies of %d bytes arrive whole, in both directions', async (length) => {
    await Promise.all(
      [0, 1].map(async () => {
        const socket = distantClient(['polling']);
        await connected(socket);
        const text = randomBytes(length / 2).toString('hex');
        const answer = new Promise((resolve) =>
          socket.emit('post', { method: 'post', url: '/hash', data: { text } }, ({ body }: { body: unknown }) =>
            resolve(body),
          ),
        );
        expect(await answer).toEqual({ length, hash: sha256(text) });
        const got = await virtual<{ text: string }>(socket, 'get', `/text?length=${length}`);
        expect(got.text).toBe('x'.repeat(length));
      }),
    );
  });

  test('a client that reads slowly does not fill the worker that passes its connection on', async () => {
    const [a, b] = fleet.ports as [number, number];
    // its session is in one pod, every later connection goes to the other
    const passedOn = async () => {
      const socket = distantClient(['polling', 'websocket'], [a, ...Array<number>(20).fill(b)]);
      await new Promise<void>((resolve) => socket.io.once('open', resolve));
      const upgrade = upgraded(socket);
      await connected(socket);
      await upgrade;
      return socket;
    };
    const rounds = 100;
    const askForMuch = (socket: Socket) =>
      Promise.all(Array.from({ length: rounds }, () => virtual(socket, 'get', '/text?length=1000000')));
    const socket = await passedOn();
    const owner = `${a}/${(await virtual<{ worker: string }>(socket, 'get', '/whoami')).worker}`;
    const before = await residentBytes();
    const raw = (socket.io.engine.transport as unknown as { ws: { _socket: { pause(): void; resume(): void } } }).ws
      ._socket;
    raw.pause();
    const answers = askForMuch(socket);
    // when as much has come the same way for another client, whatever could have flowed has flowed
    await askForMuch(await passedOn());
    const after = await residentBytes();
    const grown = [...after].map(([worker, bytes]) => [worker, bytes - (before.get(worker) ?? 0)] as const);
    // the owner keeps what it has to send; those between may not
    for (const [worker, bytes] of grown) {
      if (worker === owner) expect(bytes).toBeGreaterThan(rounds * 0.75e6);
      if (worker.startsWith(`${b}/`)) expect(bytes).toBeLessThan(rounds * 0.5e6);
    }
    raw.resume();
    await answers;
  });

  /** The memory of every worker of both pods, by pod and number. */
  async function residentBytes(): Promise<Map<string, number>> {
    const resident = new Map<string, number>();
    for (const pod of fleet.pods) {
      for (const line of pod.log().filter(({ msg }) => /worker ready/.test(msg))) {
        const status = readFileSync(`/proc/${line.pid}/status`, 'utf8');
        resident.set(`${pod.port}/${line.worker}`, Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024);
      }
    }
    return resident;
  }

  test('one hop: what came from another pod is never passed on again', async () => {
    const [a, b] = fleet.pods;
    const inA = await openSession(a?.url ?? '');
    const inB = await openSession(b?.url ?? '');
    const owner = parseOwner(inB.id);
    const [key] = derivePeerKeys('fixture secret', {});
    const peer = { host: '127.0.0.1', port: peerPortOf(b as never) };
    const ask = async (path: string) => {
      const connection = await dialPeer(peer, owner as never, key as Buffer);
      return new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
        httpRequest({
          createConnection: () => connection,
          path,
          headers: { 'x-flotilla-peer': '{"remoteAddress":"127.0.0.9"}' },
        })
          .on('response', async (response) => {
            const chunks = (await response.toArray()) as Buffer[];
            resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() });
          })
          .on('error', reject)
          .end();
      });
    };
    const poll = (sid: string) => ask(`/socket.io/?EIO=4&transport=polling&__sails_io_sdk_version=1.2.1&sid=${sid}`);
    expect((await poll(inB.id)).status).toBe(200);
    expect((await poll(inA.id)).status).toBe(400);
    // between pods the address of the client is believed
    expect(JSON.parse((await ask('/address')).body)).toMatchObject({ ip: '127.0.0.9', forged: null });
  });
});
