import { EventEmitter } from 'node:events';
import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Rebalance } from '../../dist/launcher/life-cycle/rebalance';
import { seriesOf, startOpsPod, until } from '../ops/support/ops-pod';
import { connected, inBatches, virtual } from './support/clients';

const CLIENTS = 60;

describe('after a worker was killed', () => {
  let pod: Awaited<ReturnType<typeof startOpsPod>>;
  const clients: Socket[] = [];
  beforeAll(async () => {
    pod = await startOpsPod({ workers: 2, args: ['--rebalance', '20'] });
  }, 60_000);
  afterAll(async () => {
    for (const client of clients) client.close();
    await pod?.stop();
  });

  /** How many sockets each worker has, by its number; asked of the clients. */
  async function spread(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    const workers = await Promise.all(clients.map((client) => virtual<{ worker: string }>(client, 'get', '/whoami')));
    for (const { worker } of workers) counts[worker] = (counts[worker] ?? 0) + 1;
    return counts;
  }

  async function moved(): Promise<number> {
    const page = await (await fetch(`${pod.ops}/metrics`)).text();
    const series = seriesOf(page).filter(([name]) => /^flotilla_connections_ended_total\{.*"rebalance"/.test(name));
    return series.reduce((total, [, count]) => total + count, 0);
  }

  test('the others give up sockets until its successor has its share; all come back, and miss nothing', async () => {
    const heard: number[][] = [];
    await inBatches(CLIENTS, 15, async (index) => {
      const client = io(pod.url, {
        forceNew: true,
        transports: [index % 4 === 0 ? 'polling' : 'websocket'],
        reconnectionDelay: 100,
        query: { __sails_io_sdk_version: '1.2.1' },
      });
      clients.push(client);
      const mine: number[] = [];
      heard.push(mine);
      client.on('news', ({ n }: { n: number }) => mine.push(n));
      await connected(client);
      await virtual(client, 'post', '/room');
    });
    const { workers } = await pod.status();
    process.kill(workers[0]?.pid as number, 'SIGKILL');
    await pod.logged(/rebalance: a worker has/);

    const sent: number[] = [];
    const end = pod.logged(/rebalance: done/).then(() => true);
    for (let isEven = false; !isEven; isEven = await Promise.race([end, settled(50)])) {
      const n = sent.length + 1;
      expect((await fetch(`${pod.url}/room?n=${n}`, { method: 'POST' })).status).toBe(200);
      sent.push(n);
    }
    // the last that were given up may be on their way
    await until(
      async () => clients.every((client) => client.connected),
      (all) => all,
    );
    // The successor began with none. Those that were under way when it was found to be even may have come to either.
    for (const count of Object.values(await spread())) expect(Math.abs(count - CLIENTS / 2)).toBeLessThanOrEqual(6);

    await until(
      async () => heard.every((mine) => mine.length >= sent.length),
      (all) => all,
    );
    for (const mine of heard) expect(mine).toEqual(sent);
    const count = await moved();
    expect(count).toBeGreaterThanOrEqual(CLIENTS / 2 - 2);
    // polls have connections that come and go, so now and then one comes back to where it was
    expect(count).toBeLessThanOrEqual((CLIENTS / 2) * 1.5);
  }, 60_000);
});

/** Workers that only count, at a clock that is turned by hand. */
describe('rebalancing leaves alone', () => {
  const supervisor = Object.assign(new EventEmitter(), { workers: new Set<MadeUpWorker>() });
  const lines: string[] = [];
  let rebalance: Rebalance;

  class MadeUpWorker extends EventEmitter {
    state = 'ready';
    isStuck = false;
    readonly asked: number[] = [];
    /** Where the sockets go that it gives up. */
    returnTo: MadeUpWorker = this;

    constructor(public sockets: number) {
      super();
      supervisor.workers.add(this);
      supervisor.emit('forked', this);
    }

    get load(): number {
      return this.sockets;
    }

    send({ count }: { count: number }): void {
      this.asked.push(count);
      this.sockets -= count;
      this.returnTo.sockets += count;
      this.emit('message', { flotilla: 'sockets-shed', count });
    }
  }

  beforeEach(() => {
    vi.useFakeTimers();
    supervisor.removeAllListeners();
    supervisor.workers.clear();
    lines.length = 0;
    const log = { info: (_fields: object, line: string) => lines.push(line) };
    rebalance = new Rebalance({
      supervisor: supervisor as never,
      percentPerSecond: 2,
      log: log as never,
    });
  });
  afterEach(() => {
    rebalance.close();
    vi.useRealTimers();
  });

  test('a worker that has three quarters of the average, and a few sockets', () => {
    const [fuller] = [new MadeUpWorker(125), new MadeUpWorker(75)];
    vi.advanceTimersByTime(60_000);
    expect(fuller?.asked).toEqual([]);
    supervisor.workers.clear();
    const few = new MadeUpWorker(39);
    new MadeUpWorker(0);
    vi.advanceTimersByTime(60_000);
    expect(few.asked).toEqual([]);
  });

  test('everything while a worker starts, drains or is stuck, and what is uneven for a moment', () => {
    const full = new MadeUpWorker(100);
    const empty = new MadeUpWorker(0);
    for (const change of [{ state: 'starting' }, { state: 'stopping' }, { isStuck: true }]) {
      Object.assign(empty, { state: 'ready', isStuck: false }, change);
      vi.advanceTimersByTime(60_000);
    }
    Object.assign(empty, { state: 'ready', isStuck: false });
    vi.advanceTimersByTime(4_000);
    empty.sockets = 100;
    vi.advanceTimersByTime(60_000);
    expect(full.asked).toEqual([]);
  });

  test('a worker once it is at the average; its pace is 2 % a second', () => {
    const full = new MadeUpWorker(1_000);
    full.returnTo = new MadeUpWorker(0);
    vi.advanceTimersByTime(120_000);
    expect(full.asked[0]).toBe(20);
    expect(full.sockets).toBeGreaterThanOrEqual(500);
    expect(full.sockets).toBeLessThan(530);
    expect(lines.at(-1)).toMatch(/^rebalance: done; 4\d\d sockets moved in \d+ s$/);
  });

  test('clients that come back to where they were: each try has a budget, and is longer after the one before', () => {
    const full = new MadeUpWorker(100);
    new MadeUpWorker(0);
    vi.advanceTimersByTime(3_600_000);
    const total = full.asked.reduce((sum, count) => sum + count, 0);
    expect(lines.filter((line) => line.includes('does not become more even')).length).toBe(6);
    expect(total).toBeLessThanOrEqual(6 * 76);
  });
});

function settled(ms: number): Promise<boolean> {
  return new Promise((resolve) => setTimeout(() => resolve(false), ms));
}
