// How the cost of a broadcast grows with rooms, sockets per room, workers and pods: `node bench/growth/run.mjs`, after
// `npm run build`. Figures are medians.
import { parseArgs } from 'node:util';
import { BenchFleet } from '../bus/fleet.mjs';
import { median } from '../lib/processes.mjs';
import { round, table } from '../lib/report.mjs';

const HELP = `Usage: node bench/growth/run.mjs [options]

  --only A,B        of rooms, sockets, workers, pods (default all)
  --rounds N        rounds of each measurement (default 3); medians are printed`;
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'rooms,sockets,workers,pods' },
    rounds: { type: 'string', default: '3' },
    help: { type: 'boolean', short: 'h' },
  },
});
const ROUNDS = Number(values.rounds);
const BYTES = 100;
const COUNT = 1_000;
const PER_TICK = 10;

const sections = {
  rooms: {
    title: 'Number of rooms',
    text: 'One pod of two workers; each room has one member, on the other worker. CPU of all processes, primary included.',
    axis: 'rooms',
    measure: growingRooms,
    plotted: ['a broadcast (µs)', 'a broadcast, cluster-adapter (µs)', 'a join (µs)'],
  },
  sockets: {
    title: 'Sockets in the room',
    text: 'One pod of two workers, half of the members on each. CPU of all processes for a broadcast, and for each delivery.',
    axis: 'sockets in the room',
    measure: growingAudience,
    plotted: ['a delivery (µs)', 'a delivery, cluster-adapter (µs)'],
  },
  workers: {
    title: 'Workers of a pod',
    text: '20 sockets on each worker, a room of all. What the primary spends on a broadcast, and its CPU beside that of one worker: below 1 the workers are busy first.',
    axis: 'workers',
    measure: growingPod,
    plotted: ['primary, a broadcast (µs)'],
  },
  pods: {
    title: 'Pods',
    text: 'One worker with 20 sockets on each pod, link `redis`. A room of all pods, and one that only the first pod holds.',
    axis: 'pods',
    measure: growingFleet,
    plotted: ['all pods: CPU a pod (µs)', 'one pod: CPU of all (µs)'],
  },
};

const wanted = values.only.split(',');
const unknown = wanted.find((name) => !(name in sections));
if (values.help || unknown !== undefined) {
  console[values.help ? 'log' : 'error'](
    values.help ? HELP : `--only ${unknown}: give ${Object.keys(sections).join(', ')}.`,
  );
  // Nothing is measured: help was asked for, or the usage is wrong.
  process.exit(values.help ? 0 : 2);
}

for (const name of wanted) {
  const { title, text, axis, plotted, measure } = sections[name];
  table(title, await measure(), { text, plot: { axis, columns: plotted } });
}

async function growingRooms() {
  const rows = [];
  for (const rooms of [10, 100, 1_000, 10_000, 100_000]) {
    const row = { rooms };
    for (const variant of ['flotilla none', 'cluster-adapter']) {
      await withFleet(variant, { pods: 1, workersPerPod: 2, socketsPerWorker: 50 }, async (fleet) => {
        const join = { name: 'joinRooms', args: { room: 'growth-', rooms } };
        const joining = await cpuOf(fleet, () => fleet.ask(0, 'lastWorker', join));
        const { all } = await broadcasts(fleet, { room: 'growth-', rooms, recipients: 1 });
        const label = variant === 'cluster-adapter' ? ', cluster-adapter' : '';
        row[`a join${label} (µs)`] = round(joining / rooms);
        row[`a broadcast${label} (µs)`] = round(all);
      });
    }
    rows.push(row);
  }
  return rows;
}

async function growingAudience() {
  const rows = [];
  const variants = [
    ['flotilla none', ''],
    ['cluster-adapter', ', cluster-adapter'],
  ];
  const figures = new Map();
  for (const [variant, label] of variants) {
    await withFleet(variant, { pods: 1, workersPerPod: 2, socketsPerWorker: 250 }, async (fleet) => {
      for (const sockets of [2, 10, 50, 200, 500]) {
        const room = `audience-${sockets}`;
        await fleet.ask(0, 'everyWorker', { name: 'joinRoom', args: { room, sockets: sockets / 2 } });
        const { all } = await broadcasts(fleet, {
          room,
          recipients: sockets,
          count: Math.min(COUNT, 40_000 / sockets),
        });
        figures.set(`${sockets}${label}`, { all, each: all / sockets });
      }
    });
  }
  for (const sockets of [2, 10, 50, 200, 500]) {
    const row = { 'sockets in the room': sockets };
    for (const [, label] of variants) {
      const { all, each } = figures.get(`${sockets}${label}`);
      row[`a broadcast${label} (µs)`] = round(all);
      row[`a delivery${label} (µs)`] = round(each);
    }
    rows.push(row);
  }
  return rows;
}

async function growingPod() {
  const rows = [];
  for (const workers of [1, 2, 4, 6, 8]) {
    await withFleet('flotilla none', { pods: 1, workersPerPod: workers, socketsPerWorker: 20 }, async (fleet) => {
      const { primary, all } = await broadcasts(fleet, { room: 'all', recipients: workers * 20 });
      rows.push({
        workers,
        'primary, a broadcast (µs)': round(primary),
        'primary, a worker (µs)': round(primary / workers),
        'primary beside one worker': round((primary * workers) / (all - primary)),
      });
    });
  }
  return rows;
}

async function growingFleet() {
  const rows = [];
  for (const pods of [1, 2, 4, 6]) {
    await withFleet('flotilla redis', { pods, workersPerPod: 1, socketsPerWorker: 20, redis: true }, async (fleet) => {
      const toAll = await broadcasts(fleet, { room: 'all', recipients: pods * 20 });
      const toOne = await broadcasts(fleet, { room: 'one', recipients: 20 });
      rows.push({
        pods,
        'all pods: CPU of all (µs)': round(toAll.all),
        'all pods: CPU a pod (µs)': round(toAll.all / pods),
        'one pod: CPU of all (µs)': round(toOne.all),
      });
    });
  }
  return rows;
}

async function withFleet(variant, options, measure) {
  const fleet = new BenchFleet(variant, options);
  try {
    await fleet.start();
    await measure(fleet);
  } finally {
    await fleet.stop();
  }
}

/** CPU of one broadcast in microseconds, median of the rounds: of the primaries, and of all processes. */
async function broadcasts(fleet, { recipients, count = COUNT, ...send }) {
  const runs = [];
  // The first round warms up.
  for (let index = 0; index <= ROUNDS; index++) {
    const { workerUs, primaryUs } = await fleet.run({ recipients, count, bytes: BYTES, perTick: PER_TICK, ...send });
    if (index > 0) runs.push({ primary: primaryUs * recipients, all: (workerUs + primaryUs) * recipients });
  }
  return { primary: median(runs.map(({ primary }) => primary)), all: median(runs.map(({ all }) => all)) };
}

async function cpuOf(fleet, act) {
  const before = await fleet.cpu();
  await act();
  const after = await fleet.cpu();
  return after.primary + after.workers - before.primary - before.workers;
}
