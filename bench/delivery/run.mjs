// What a broadcast costs the worker per delivery to a websocket client, beside Socket.IO's own adapters:
// `node bench/delivery/run.mjs`. Everything runs at the same time and is measured in turn; the figures are medians, and only
// their ratios mean anything. ROUNDS (5), SOCKETS (500), DELIVERIES (60000 a round: in fewer, whatever else the machine does
// weighs too much) and BYTES (100) make it shorter or longer.
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { median } from '../lib/processes.mjs';
import { goal, round, table } from '../lib/report.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SOCKETS = Number(process.env.SOCKETS ?? 500);
const DELIVERIES = Number(process.env.DELIVERIES ?? 60_000);
const BYTES = Number(process.env.BYTES ?? 100);
const BURSTS = [1, 2, 10];
const TO_REACH = { 1: '≤ 0.70', 2: '≤ 0.50', 10: '≤ 0.28' };
const VARIANTS = ['flotilla', 'flotilla, recovery', 'cluster-adapter', 'in memory', 'ready frame'];

class Pod {
  #child;
  #pending = new Map();
  #nextId = 1;
  #got = 0;
  #expected = Number.POSITIVE_INFINITY;
  #complete = () => {};

  constructor(variant) {
    this.variant = variant;
  }

  async start() {
    const port = new Promise((resolve) => this.#pending.set(0, resolve));
    this.#child = fork(join(import.meta.dirname, 'pod.cjs'), { env: { ...process.env, VARIANT: this.variant } });
    this.#child.on('message', ({ id, value }) => {
      this.#pending.get(id)?.(value);
      this.#pending.delete(id);
    });
    this.#child.on('exit', (code) => {
      if (code) throw new Error(`The pod of ${this.variant} has ended.`);
    });
    const url = `ws://127.0.0.1:${await port}/socket.io/?EIO=4&transport=websocket`;
    for (let count = 0; count < SOCKETS; count++) await this.#connect(url);
  }

  #connect(url) {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, { perMessageDeflate: false });
      socket.on('error', reject);
      socket.on('message', (data) => {
        const [engineType, type] = [String.fromCharCode(data[0]), String.fromCharCode(data[1])];
        if (engineType === '0') socket.send('40');
        else if (engineType === '2') socket.send('3');
        else if (type === '0') resolve(socket);
        else if (++this.#got === this.#expected) this.#complete();
      });
    });
  }

  #ask(name, args) {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#pending.set(id, resolve);
      this.#child.send({ id, name, args });
    });
  }

  /** CPU time per delivery, in microseconds: of the worker, and of worker and primary. */
  async measure(burst) {
    const ticks = Math.ceil(DELIVERIES / SOCKETS / burst);
    const deliveries = ticks * burst * SOCKETS;
    this.#got = 0;
    this.#expected = deliveries;
    const complete = new Promise((resolve) => {
      this.#complete = resolve;
    });
    const before = await this.#cpu();
    await this.#ask('send', { ticks, burst, bytes: BYTES, pauseMs: 5 });
    await complete;
    const after = await this.#cpu();
    const worker = (after.worker - before.worker) / deliveries;
    return { worker, all: worker + (after.primary - before.primary) / deliveries };
  }

  async #cpu() {
    const total = ({ user, system }) => user + system;
    return { worker: total(await this.#ask('cpu')), primary: total(await this.#ask('primaryCpu')) };
  }

  stop() {
    this.#child?.removeAllListeners('exit').disconnect();
  }
}

const pods = VARIANTS.map((variant) => new Pod(variant));
for (const pod of pods) await pod.start();
const rows = [];
for (const burst of BURSTS) {
  const runs = new Map(pods.map((pod) => [pod.variant, []]));
  // The first round warms up.
  for (let index = 0; index <= ROUNDS; index++) {
    // Each round begins with another one: whoever is first finds the machine as the last one of the round before has left it.
    const first = index % pods.length;
    for (const pod of [...pods.slice(first), ...pods.slice(0, first)]) {
      const run = await pod.measure(burst);
      if (index > 0) runs.get(pod.variant).push(run);
    }
  }
  const medians = (part) => VARIANTS.map((variant) => median(runs.get(variant).map((run) => run[part])));
  const [ours, recovering, cluster, memory, readyFrame] = medians('worker');
  const [allOfOurs, allOfRecovering] = medians('all');
  rows.push({
    'messages a tick': burst,
    'flotilla (µs)': round(ours),
    'cluster-adapter (µs)': round(cluster),
    ratio: round(ours / cluster),
    'in memory (µs)': round(memory),
    'ratio to in memory': round(ours / memory),
    'a ready frame to each TCP socket (µs)': round(readyFrame),
    'the same : cluster-adapter': round(readyFrame / cluster),
    'with recovery (µs)': round(recovering),
    'with recovery : without': round(recovering / ours),
    'the same, primary included': round(allOfRecovering / allOfOurs),
  });
  goal({
    what: `broadcast, worker CPU per delivery, ${SOCKETS} sockets, ${burst} a tick`,
    peer: `cluster-adapter ${round(cluster)} µs`,
    ours: `${round(ours)} µs`,
    ratio: round(ours / cluster),
    toReach: TO_REACH[burst],
  });
}
table(`CPU of the worker per delivery, ${SOCKETS} websocket clients, ${BYTES} B, median of ${ROUNDS} rounds`, rows);
for (const pod of pods) pod.stop();
// The clients' sockets would keep it running.
process.exit();
