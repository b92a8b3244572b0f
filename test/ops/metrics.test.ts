import type { Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connected, scatteringClient, upgraded, virtual } from '../launcher/support/clients';
import { openSessionsOnTwoWorkers } from '../launcher/support/sessions';
import { type OpsPod, seriesOf, startOpsPod, until } from './support/ops-pod';

/** The series of an exposition, without what is about the moment. */
async function scrape(pod: OpsPod): Promise<Map<string, number>> {
  const response = await fetch(`${pod.ops}/metrics`);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return new Map(seriesOf(await response.text()));
}

/** The sum over workers. */
function total(series: Map<string, number>, name: string, labels: Record<string, string> = {}): number {
  let sum = 0;
  for (const [line, value] of series) {
    if (!line.startsWith(`${name}{`)) continue;
    if (Object.entries(labels).every(([key, wanted]) => line.includes(`${key}="${wanted}"`))) sum += value;
  }
  return sum;
}

const REQUESTS = 'flotilla_virtual_request_duration_seconds_count';

describe('/metrics of a pod of two workers', () => {
  let pod: OpsPod;
  const sockets: Socket[] = [];
  const client = async (transports: string[]) => {
    const socket = scatteringClient(pod.url, { transports });
    sockets.push(socket);
    await connected(socket);
    return socket;
  };

  beforeAll(async () => {
    pod = await startOpsPod({ workers: 2 });
  });
  afterAll(async () => {
    for (const socket of sockets) socket.disconnect();
    await pod?.stop();
  });

  it('counts connections by transport and protocol, sockets and rooms, in each worker', async () => {
    await client(['websocket']);
    await client(['websocket']);
    const polling = await client(['polling']);
    await virtual(polling, 'post', '/room');
    const series = await scrape(pod);
    expect(total(series, 'flotilla_connections', { transport: 'websocket', protocol: '4' })).toBe(2);
    expect(total(series, 'flotilla_connections', { transport: 'polling', protocol: '4' })).toBe(1);
    expect(total(series, 'flotilla_sockets')).toBe(3);
    expect(series.has('flotilla_sockets{worker="1"}') && series.has('flotilla_sockets{worker="2"}')).toBe(true);
    expect(total(series, 'flotilla_rooms')).toBe(1);
    expect(total(series, 'flotilla_hub_rooms')).toBe(1);
  });

  it('tells virtual requests by method, the route’s pattern and class of status, whatever clients ask for', async () => {
    const socket = await client(['websocket']);
    const before = await scrape(pod);
    await virtual(socket, 'get', '/whoami?secret=1');
    await virtual(socket, 'get', '/slow?ms=30');
    for (let index = 0; index < 20; index++) await virtual(socket, 'get', `/nowhere/${index}`);
    const after = await scrape(pod);
    const added = (labels: Record<string, string>) => total(after, REQUESTS, labels) - total(before, REQUESTS, labels);
    expect(added({ method: 'get', route: '/whoami', status: '2xx' })).toBe(1);
    expect(added({ method: 'get', route: 'unmatched', status: '4xx' })).toBe(20);
    expect(added({})).toBe(22);
    const slow = [...after].filter(([line]) => line.includes('duration_seconds_bucket') && line.includes('"/slow"'));
    expect(slow.find(([line]) => line.includes('le="0.025"'))?.[1]).toBe(0);
    expect(slow.find(([line]) => line.includes('le="+Inf"'))?.[1]).toBe(1);
    expect([...after.keys()].filter((line) => /nowhere|secret/.test(line))).toEqual([]);
    expect(total(after, 'flotilla_messages_total', { direction: 'in' })).toBeGreaterThanOrEqual(22);
    expect(total(after, 'flotilla_messages_total', { direction: 'out' })).toBeGreaterThanOrEqual(22);
  });

  it('tells what could not be routed, and handshakes that were refused, by reason', async () => {
    const socket = await client(['websocket']);
    await socket.emitWithAck('get', null);
    await fetch(`${pod.url}/socket.io/?EIO=4&transport=polling&sid=unknown-session`);
    await fetch(`${pod.url}/socket.io/?EIO=4&transport=carrier-pigeon`);
    const series = await scrape(pod);
    expect(total(series, 'flotilla_virtual_requests_rejected_total', { reason: 'parse-error' })).toBe(1);
    expect(total(series, 'flotilla_handshakes_refused_total', { reason: 'unknown-session' })).toBe(1);
    expect(total(series, 'flotilla_handshakes_refused_total', { reason: 'unknown-transport' })).toBe(1);
  });

  it('counts requests that were passed on, by way', async () => {
    const [one, other] = await openSessionsOnTwoWorkers(pod.url);
    for (let round = 0; round < 8; round++) {
      await one.post('2');
      await other.post('2');
    }
    const socket = scatteringClient(pod.url, { transports: ['polling', 'websocket'] });
    sockets.push(socket);
    await connected(socket);
    await upgraded(socket);
    const series = await scrape(pod);
    expect(total(series, 'flotilla_misrouted_requests_total', { way: 'poll' })).toBeGreaterThan(0);
  });

  it('has every series once, with the label `worker`, and nothing that is not of ours', async () => {
    const text = await (await fetch(`${pod.ops}/metrics`)).text();
    const names = seriesOf(text).map(([name]) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^flotilla_\w+\{.*worker="(primary|1|2)".*\}$/.test(name))).toEqual([]);
    const helps = text.split('\n').filter((line) => line.startsWith('# HELP'));
    expect(new Set(helps).size).toBe(helps.length);
  });

  it('counts the bus once: what workers sent is what the hub got', async () => {
    const series = await scrape(pod);
    const fromWorkers =
      total(series, 'flotilla_bus_messages_total', { tier: 'local', direction: 'out' }) -
      total(series, 'flotilla_bus_messages_total', { tier: 'local', direction: 'out', worker: 'primary' });
    const atHub = total(series, 'flotilla_bus_messages_total', { tier: 'local', direction: 'in', worker: 'primary' });
    expect(Math.abs(fromWorkers - atHub)).toBeLessThan(5);
    expect(atHub).toBeGreaterThan(0);
  });

  it('a worker that was killed: counted, and its successor takes its place', async () => {
    const [first] = (await pod.status()).workers;
    expect(await pod.metric('flotilla_worker_ends_total{cause="killed",worker="primary"}')).toBe(0);
    process.kill(first?.pid as number, 'SIGKILL');
    const { workers } = await until(
      () => pod.status(),
      (status) =>
        status.workers.length === 2 &&
        status.workers.every(({ state, pid }) => state === 'ready' && pid !== first?.pid),
    );
    expect(workers.map(({ place }) => place)).toEqual([1, 2]);
    expect(workers.find(({ place }) => place === first?.place)?.number).toBe(3);
    const series = await scrape(pod);
    expect(series.get('flotilla_worker_ends_total{cause="killed",worker="primary"}')).toBe(1);
    expect([...series.keys()].filter((line) => line.includes('worker="3"'))).toEqual([]);
    expect(series.get('flotilla_worker_answers{worker="1"}')).toBe(1);
    expect((await pod.status()).journal.some(({ text }) => text.includes('killed by SIGKILL'))).toBe(true);
  });

  it('a worker that is stopped does not hold up the others', async () => {
    const { workers } = await pod.status();
    const [stopped] = workers;
    process.kill(stopped?.pid as number, 'SIGSTOP');
    try {
      const series = await scrape(pod);
      expect(series.get(`flotilla_worker_answers{worker="${stopped?.place}"}`)).toBe(0);
      expect(series.has(`flotilla_sockets{worker="${stopped?.place}"}`)).toBe(false);
      expect(series.has('flotilla_sockets{worker="2"}')).toBe(true);
    } finally {
      process.kill(stopped?.pid as number, 'SIGCONT');
    }
  });
});
