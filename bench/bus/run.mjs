// What a broadcast costs on the bus, beside the adapters of the Socket.IO family: `node bench/bus/run.mjs`.
// Everything runs at the same time and is measured in turn; the figures are medians, and only their ratios mean anything.
import { median } from '../lib/processes.mjs';
import { goal, round, table } from '../lib/report.mjs';
import { BenchFleet } from './fleet.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const BROADCASTS = Number(process.env.BROADCASTS ?? 100);
const SOCKETS_PER_WORKER = Number(process.env.SOCKETS ?? 60);

const groups = [
  {
    title: '2 pods of 4 workers, over Redis',
    variants: [
      'flotilla redis',
      'flotilla redis-sharded',
      'flotilla redis-streams',
      'redis-adapter',
      'redis-adapter sharded',
      'redis-streams-adapter',
    ],
    options: { pods: 2, workersPerPod: 4, socketsPerWorker: SOCKETS_PER_WORKER, redis: true },
    rooms: ['all', 'one'],
  },
  {
    title: '1 pod of 4 workers, without Redis',
    variants: ['flotilla none', 'cluster-adapter'],
    options: { pods: 1, workersPerPod: 4, socketsPerWorker: SOCKETS_PER_WORKER, redis: false },
    rooms: ['all'],
  },
];

const FIELDS = ['workerUs', 'primaryUs', 'p50', 'p99', 'commands', 'redisBytes', 'pushed'];

for (const { title, variants, options, rooms } of groups) {
  const fleets = variants.map((variant) => new BenchFleet(variant, options));
  try {
    for (const fleet of fleets) await fleet.start();
    const idle = new Map();
    await Promise.all(fleets.map(async (fleet) => idle.set(fleet, await fleet.idle(2_000))));
    for (const room of rooms) {
      const recipients = options.workersPerPod * options.socketsPerWorker * (room === 'all' ? options.pods : 1);
      for (const bytes of [100, 10_000]) {
        const runs = new Map(fleets.map((fleet) => [fleet, []]));
        // The first round warms up.
        for (let index = 0; index <= ROUNDS; index++) {
          for (const fleet of fleets) {
            const result = await fleet.run({ room, recipients, count: BROADCASTS, bytes, idle: idle.get(fleet) });
            if (index > 0) runs.get(fleet).push(result);
          }
        }
        const rows = fleets.map((fleet) => ({
          variant: fleet.variant,
          ...Object.fromEntries(FIELDS.map((field) => [field, median(runs.get(fleet).map((run) => run[field]))])),
        }));
        if (options.redis && bytes === 100) pushedGoal(room, rows);
        print(`${title}; room held by ${room === 'all' ? 'all pods' : 'one pod'}, ${bytes} B`, rows);
      }
    }
    if (options.redis)
      printIdle(
        title,
        fleets.map((fleet) => ({ variant: fleet.variant, ...idle.get(fleet) })),
      );
  } finally {
    for (const fleet of fleets) await fleet.stop();
  }
}

function print(heading, rows) {
  const [ours] = rows;
  const all = ({ workerUs, primaryUs }) => workerUs + primaryUs;
  table(
    heading,
    rows.map((row) => ({
      variant: row.variant,
      'CPU per delivery: workers (µs)': round(row.workerUs),
      'primaries (µs)': round(row.primaryUs),
      'all (µs)': round(all(row)),
      'first = 1': round(all(row) / all(ours)),
      'latency p50 (ms)': round(row.p50),
      'p99 (ms)': round(row.p99),
      'Redis commands a broadcast': round(row.commands),
      'Redis bytes a broadcast': round(row.redisBytes),
      // What the idle fleet gets is taken off, and heartbeats do not come at even distances.
      'messages pushed by Redis': round(Math.max(0, row.pushed)),
    })),
  );
}

/** On pub/sub: our link and the adapter whose place it takes. */
function compared(rows) {
  return ['flotilla redis', 'redis-adapter'].map((name) => rows.find(({ variant }) => variant === name));
}

function pushedGoal(room, rows) {
  const [ours, peer] = compared(rows);
  goal({
    what: `messages that Redis pushes per broadcast, 2 pods of 4 workers, room held by ${room === 'all' ? 'both' : 'one'}`,
    peer: `redis-adapter ${Math.round(peer.pushed)}`,
    ours: `${Math.round(ours.pushed)}`,
    ratio: round(Math.round(ours.pushed) / Math.round(peer.pushed)),
    toReach: 'one per pod that has the room',
  });
}

function printIdle(title, rows) {
  table(
    `${title}; nobody sends`,
    rows.map(({ variant, connections, commands, redisBytes }) => ({
      variant,
      'Redis connections': connections,
      'commands a second': round(commands),
      'bytes a second': round(redisBytes),
    })),
  );
  const [ours, peer] = compared(rows);
  goal({
    what: 'Redis connections of the bus on pub/sub, 2 pods of 4 workers',
    peer: `redis-adapter ${peer.connections}`,
    ours: `${ours.connections}`,
    ratio: round(ours.connections / peer.connections),
    toReach: '2 per pod',
  });
}
