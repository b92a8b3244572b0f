// What goes over Redis for a fleet of many pods, by arithmetic, beside the adapters of the Socket.IO family:
// `node bench/bus/model.mjs [pods] [workers per pod]`. The sizes are those of real messages; docs/scaling.md has the assumptions.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { encodeMessage } = require('../../dist/bus/codec');
const { joinParts } = require('../../dist/bus/payload');
const { MessageKind } = require('../../dist/bus/protocol');
const { LinkEnvelope } = require('../../dist/bus/link/envelope');

const PODS = Number(process.argv[2] ?? 100);
const WORKERS = Number(process.argv[3] ?? 8);
const PROCESSES = PODS * WORKERS;
/** Of a stock adapter of the cluster family: each process to all, every so often. */
const STOCK_HEARTBEAT_MS = 5_000;
const STOCK_HEARTBEAT_BYTES = 150;
const PROBES_PER_SECOND = { redis: 1, 'redis-sharded': 64 };

const envelope = new LinkEnvelope({ hub: 'x'.repeat(12), podTag: 'abcd' });
const onTheWire = (message) => envelope.wrap('c', encodeMessage(message)).length;

const heartbeatBytes = onTheWire({
  kind: MessageKind.Heartbeat,
  greeting: false,
  pod: {
    name: 'my-app-6f7d9c5b8-x2x4z',
    tag: 'abcd',
    state: 'up',
    version: '1.0.0',
    lastSeen: Date.now(),
    workers: Array.from({ length: WORKERS }, (_, index) => ({
      number: index + 1,
      tag: 'AB',
      pid: 12_345,
      sockets: 1_000,
      startedAt: Date.now(),
      version: '1.0.0',
    })),
  },
});
const broadcastBytes = (bytes) =>
  onTheWire({
    kind: MessageKind.Broadcast,
    from: 'x'.repeat(12),
    nsp: '/',
    rooms: ['room-of-an-order'],
    except: [],
    flags: {},
    payload: joinParts([`2["event","${'x'.repeat(bytes)}"]`]),
  });

console.log(`${PODS} pods of ${WORKERS} workers: ${PROCESSES} processes`);
console.log('\nSigns of life, per second');
table(
  ['variant', 'sent', 'received', 'MB from Redis', 'Redis connections of the bus'],
  [
    ...Object.entries(PROBES_PER_SECOND).map(([name, probes]) => [
      `flotilla ${name}`,
      PODS + PODS * probes,
      PODS * PODS + PODS * probes,
      (PODS * PODS * heartbeatBytes + PODS * probes * 28) / 1e6,
      2 * PODS,
    ]),
    [
      'redis-streams-adapter',
      (PROCESSES * 1_000) / STOCK_HEARTBEAT_MS,
      (PROCESSES * PROCESSES * 1_000) / STOCK_HEARTBEAT_MS,
      (((PROCESSES * PROCESSES * 1_000) / STOCK_HEARTBEAT_MS) * STOCK_HEARTBEAT_BYTES) / 1e6,
      3 * PROCESSES,
    ],
    ['redis-adapter (either)', 0, 0, 0, 2 * PROCESSES],
  ],
);

for (const bytes of [100, 10_000]) {
  const size = broadcastBytes(bytes);
  for (const [held, pods] of [
    ['every pod', PODS],
    ['10 pods', Math.min(10, PODS)],
    ['one pod', 1],
  ]) {
    console.log(`\nOne broadcast of ${bytes} B to a room that ${held} holds, each with every worker`);
    table(
      ['variant', 'published', 'received', 'kB from Redis'],
      [
        ['flotilla (either link)', 1, pods, (pods * size) / 1e3],
        ['redis-adapter', 1, PROCESSES, (PROCESSES * size) / 1e3],
        ['redis-adapter sharded, dynamic', 1, pods * WORKERS, (pods * WORKERS * size) / 1e3],
        ['redis-streams-adapter', 1, PROCESSES, (PROCESSES * size) / 1e3],
      ],
    );
  }
}

function table(head, rows) {
  const format = (cell) => (typeof cell === 'number' ? cell.toLocaleString('en', { maximumFractionDigits: 1 }) : cell);
  for (const [first, ...rest] of [head, ...rows])
    console.log(first.padEnd(32), ...rest.map((cell) => format(cell).padStart(16)));
}
