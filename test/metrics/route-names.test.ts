import { expect, it } from 'vitest';
import { HookMetrics } from '../../dist/metrics/hook-metrics';
import { RouteNames } from '../../dist/metrics/route-names';

it('routes are told by their patterns, and no more than 200 of them', () => {
  const names = new RouteNames();
  expect([names.of('/user/:id'), names.of(/^\/a|b$/), names.of(undefined)]).toEqual([
    '/user/:id',
    '/^\\/a|b$/',
    'unmatched',
  ]);
  for (let index = 0; index < 1_000; index++) names.of(`/generated/${index}`);
  expect(names.of('/one-more')).toBe('other');
  expect(names.of('/user/:id')).toBe('/user/:id');
});

it('a reading is made once for all metrics, and anew each time', async () => {
  let readings = 0;
  const metrics = new HookMetrics(() => {
    readings += 1;
    return {
      connections: [{ transport: 'websocket', protocol: 4, count: 2 }],
      sockets: 2,
      rooms: 0,
      messagesIn: 0,
      messagesOut: 0,
      requestsInFlight: 0,
      parseErrors: 0,
      refusedOverLimit: 0,
      refusedWhileLowering: 0,
      heldResponses: 0,
      heldTooLong: 0,
      failedOrders: 0,
      handshakesRefused: new Map(),
      handshakesDelayed: 0,
      connectionsClosed: new Map(),
      bus: undefined,
      sessions: undefined,
    };
  });
  metrics.requestAnswered('get', '/', 200, 0.01);
  metrics.requestAnswered('get', '/', 1_000, 0.01);
  const read = await metrics.read();
  await metrics.read();
  expect(readings).toBe(2);
  expect(read.find(({ name }) => name === 'flotilla_sockets')?.values).toMatchObject([{ value: 2 }]);
  // what there is nothing to tell of is not 0
  expect(read.find(({ name }) => name === 'flotilla_bus_handler_failures_total')?.values).toEqual([]);
  expect(read.find(({ name }) => name === 'flotilla_session_touches_spared_total')?.values).toEqual([]);
  const statuses = read
    .find(({ name }) => name.endsWith('duration_seconds'))
    ?.values.map(({ labels }) => labels.status);
  expect(new Set(statuses)).toEqual(new Set(['2xx', 'other']));
});
