// Starts one variant of the benchmark: a Redis of its own, two pods of four workers, and raw websocket clients.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { WebSocket } from 'ws';

const now = () => performance.timeOrigin + performance.now();

/** One sample of latency out of so many deliveries. */
const SAMPLE_EVERY = 7;

export class BenchFleet {
  constructor(variant, options) {
    this.variant = variant;
    this.options = options;
    this.pods = [];
    this.sockets = [];
    this.got = 0;
    this.latencies = [];
    this.nextId = 1;
    this.pending = new Map();
  }

  async start() {
    const { pods, workersPerPod, socketsPerWorker } = this.options;
    if (this.options.redis) await this.#startRedis();
    for (let pod = 0; pod < pods; pod++) {
      const child = fork(join(import.meta.dirname, 'primary.cjs'), {
        env: {
          ...process.env,
          VARIANT: this.variant,
          REDIS_PORT: String(this.redisPort ?? 0),
          WORKERS: String(workersPerPod),
          POD: String(pod),
        },
      });
      const [{ ports }] = await Promise.race([
        once(child, 'message'),
        once(child, 'exit').then(() => Promise.reject(new Error(`a primary of ${this.variant} has ended`))),
      ]);
      child.on('message', ({ id, value }) => this.pending.get(id)?.(value));
      this.pods.push(child);
      for (const port of ports)
        for (let count = 0; count < socketsPerWorker; count++) this.sockets.push(await this.#connect(port));
    }
  }

  async #startRedis() {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.redisPort = server.address().port;
    await once(server.close(), 'close');
    this.redis = spawn('redis-server', ['--port', String(this.redisPort), '--bind', '127.0.0.1', '--save', ''], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => {
      this.redis.stdout.on('data', (chunk) => /Ready to accept/.test(String(chunk)) && resolve());
    });
    this.admin = new Redis(this.redisPort, '127.0.0.1');
  }

  #connect(port) {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
      socket.on('error', reject);
      socket.on('message', (data) => {
        const head = data.toString('latin1', 0, 48);
        if (head.startsWith('42')) {
          this.got += 1;
          if (this.got % SAMPLE_EVERY === 0) this.latencies.push(now() - Number(/"t":([0-9.]+)/.exec(head)?.[1]));
          this.onDelivery?.();
        } else if (head[0] === '0') socket.send('40');
        else if (head === '2') socket.send('3');
        else if (head.startsWith('40')) resolve(socket);
      });
    });
  }

  /** Asks the primary of a pod. */
  ask(pod, name, args) {
    const id = this.nextId++;
    return new Promise((resolve) => {
      this.pending.set(id, resolve);
      this.pods[pod].send({ id, name, args });
    });
  }

  async cpu() {
    const usages = await Promise.all(this.pods.map((_, pod) => this.ask(pod, 'cpu')));
    const total = ({ user, system }) => user + system;
    return {
      primary: usages.reduce((sum, { primary }) => sum + total(primary), 0),
      workers: usages.reduce((sum, { workers }) => sum + workers.reduce((each, usage) => each + total(usage), 0), 0),
    };
  }

  /** What Redis has counted so far, and what it has pushed to the fleet's subscribers. */
  async redisCounts() {
    if (!this.admin) return { commands: 0, bytes: 0, connections: 0, pushed: 0 };
    const [stats, clients, pushed] = await Promise.all([
      this.admin.info('stats'),
      this.admin.info('clients'),
      Promise.all(this.pods.map((_, pod) => this.ask(pod, 'pushed'))),
    ]);
    const field = (text, name) => Number(new RegExp(`${name}:([0-9]+)`).exec(text)?.[1]);
    return {
      commands: field(stats, 'total_commands_processed'),
      bytes: field(stats, 'total_net_input_bytes') + field(stats, 'total_net_output_bytes'),
      connections: field(clients, 'connected_clients') - 1,
      pushed: pushed.reduce((sum, each) => sum + each, 0),
    };
  }

  /** Broadcasts to a room and measures until everything has arrived; what the idle fleet costs meanwhile is taken off. */
  async run({ recipients, count, idle, ...send }) {
    this.got = 0;
    this.latencies = [];
    const [cpuBefore, redisBefore, begun] = [await this.cpu(), await this.redisCounts(), performance.now()];
    const expected = recipients * count;
    const complete = new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.variant}: ${this.got} of ${expected} arrived`)), 20_000);
      this.onDelivery = () => {
        if (this.got < expected) return;
        clearTimeout(timer);
        resolve();
      };
    });
    await Promise.all([this.ask(0, 'send', { count, ...send }), complete]);
    const [cpu, redis] = [await this.cpu(), await this.redisCounts()];
    const seconds = (performance.now() - begun) / 1000;
    const off = (rate) => (rate ?? 0) * seconds;
    this.latencies.sort((x, y) => x - y);
    return {
      workerUs: (cpu.workers - cpuBefore.workers) / expected,
      primaryUs: (cpu.primary - cpuBefore.primary) / expected,
      p50: this.latencies[this.latencies.length >> 1],
      p99: this.latencies[Math.floor(this.latencies.length * 0.99)],
      commands: (redis.commands - redisBefore.commands - off(idle?.commands)) / count,
      redisBytes: (redis.bytes - redisBefore.bytes - off(idle?.redisBytes)) / count,
      pushed: (redis.pushed - redisBefore.pushed - off(idle?.pushed)) / count,
    };
  }

  /** What Redis sees of the fleet in a second in which nobody sends anything. */
  async idle(ms) {
    const [before, begun] = [await this.redisCounts(), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, ms));
    const after = await this.redisCounts();
    const seconds = (performance.now() - begun) / 1000;
    return {
      commands: (after.commands - before.commands) / seconds,
      redisBytes: (after.bytes - before.bytes) / seconds,
      pushed: (after.pushed - before.pushed) / seconds,
      connections: after.connections,
    };
  }

  async stop() {
    for (const socket of this.sockets) socket.terminate();
    this.admin?.disconnect();
    for (const pod of this.pods) pod.disconnect();
    await Promise.all(this.pods.map((pod) => (pod.exitCode === null ? once(pod, 'exit') : undefined)));
    this.redis?.kill('SIGKILL');
  }
}
