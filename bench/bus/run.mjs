// What a broadcast costs on the bus, beside the adapters of the Socket.IO family: `node bench/bus/run.mjs`.
// Everything runs at the same time and is measured in turn; the figures are medians, and only their ratios mean anything.
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

const median = (values) => [...values].sort((x, y) => x - y)[values.length >> 1];
const FIELDS = ['workerUs', 'primaryUs', 'p50', 'p99', 'commands', 'redisBytes'];
const results = [];

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
        for (let round = 0; round <= ROUNDS; round++) {
          for (const fleet of fleets) {
            const result = await fleet.run({ room, recipients, count: BROADCASTS, bytes, idle: idle.get(fleet) });
            if (round > 0) runs.get(fleet).push(result);
          }
        }
        const rows = fleets.map((fleet) => ({
          variant: fleet.variant,
          ...Object.fromEntries(FIELDS.map((field) => [field, median(runs.get(fleet).map((run) => run[field]))])),
        }));
        print(`${title}; room held by ${room === 'all' ? 'all pods' : 'one pod'}, ${bytes} B`, rows);
        results.push({ title, room, bytes, rows });
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
if (process.env.JSON_OUTPUT) console.log(JSON.stringify(results));

function print(heading, rows) {
  const [ours] = rows;
  console.log(`\n${heading}`);
  console.log(
    'variant                  CPU us/delivery: workers  primaries   all (ratio)  latency ms p50   p99 (ratio)   Redis commands  bytes per broadcast',
  );
  for (const row of rows) {
    const all = row.workerUs + row.primaryUs;
    const ratio = (value, own) => `(${(own === 0 ? 1 : value / own).toFixed(2)})`;
    console.log(
      [
        row.variant.padEnd(24),
        row.workerUs.toFixed(2).padStart(24),
        row.primaryUs.toFixed(2).padStart(10),
        `${all.toFixed(2).padStart(9)} ${ratio(all, ours.workerUs + ours.primaryUs)}`,
        row.p50.toFixed(2).padStart(12),
        `${row.p99.toFixed(2).padStart(8)} ${ratio(row.p99, ours.p99)}`,
        row.commands.toFixed(1).padStart(12),
        row.redisBytes.toFixed(0).padStart(12),
      ].join(' '),
    );
  }
}

function printIdle(title, rows) {
  console.log(`\n${title}; nobody sends`);
  console.log('variant                  Redis connections  commands/s   bytes/s');
  for (const { variant, connections, commands, redisBytes } of rows) {
    console.log(
      `${variant.padEnd(24)} ${String(connections).padStart(17)} ${commands.toFixed(1).padStart(11)} ${redisBytes.toFixed(0).padStart(9)}`,
    );
  }
}
