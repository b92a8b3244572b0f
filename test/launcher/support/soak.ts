import { type ChildProcess, fork } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PodStatus } from '../../../dist/launcher/ops/pod-status';
import { freePort } from '../../support/free-port';
import { type RunningPod, startPod } from './pod';

/** What the clients of a soak counted. */
export interface ClientCounts {
  totals: Record<'sent' | 'acknowledged' | 'refused' | 'disconnected' | 'lost' | 'wrong', number>;
  copies: Record<'received' | 'twice', number>;
  reconnects: number;
  /** How connecting failed, by what was said. */
  errors: Record<string, number>;
}

/** Processes full of clients. */
export class ClientProcesses {
  readonly #children: ChildProcess[];

  constructor({ processes, clients, ...more }: { url: string; clients: number; processes: number; everyMs: number }) {
    const count = Math.ceil(clients / processes);
    this.#children = Array.from({ length: processes }, (_, index) => {
      const settings = { ...more, first: index * count, count, rooms: Math.ceil(clients / 10), ackTimeoutMs: 90_000 };
      return fork(join(__dirname, '..', 'fixtures', 'soak-clients.cjs'), [JSON.stringify(settings)], { execArgv: [] });
    });
  }

  async connected(): Promise<void> {
    await Promise.all(this.#children.map((child) => told(child, 'connected')));
  }

  send(): void {
    for (const child of this.#children) child.send('send');
  }

  /** Sends no more, and settles when every message has ended somehow and every client is connected. */
  async rest(): Promise<ClientCounts> {
    const reports = await Promise.all(
      this.#children.map((child) => {
        const report = told<ClientCounts>(child, 'rested');
        child.send('rest');
        return report;
      }),
    );
    return reports.reduce(sumOf);
  }

  async leave(): Promise<void> {
    await Promise.all(
      this.#children.map((child) => {
        const end = new Promise((resolve) => child.once('exit', resolve));
        child.send('leave');
        return end;
      }),
    );
  }

  kill(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }
}

function told<T>(child: ChildProcess, about: string): Promise<T> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: { about: string }) => {
      if (message.about === about) resolve(message as T);
    });
    child.once('exit', (code) => reject(new Error(`a process of clients ended with ${code}`)));
  });
}

function sumOf<T extends object>(a: T, b: T): T {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof T>;
  const sum = [...keys].map((key) => {
    const [left, right] = [a[key], b[key]];
    if (typeof (left ?? right) === 'number') return [key, Number(left ?? 0) + Number(right ?? 0)];
    if (typeof (left ?? right) === 'object') return [key, sumOf((left ?? {}) as object, (right ?? {}) as object)];
    return [key, left];
  });
  return Object.fromEntries(sum) as T;
}

/** A pod that comes back at the same ports. */
export class SoakedPod {
  readonly #starts: () => Promise<RunningPod>;
  #pod: RunningPod | undefined;

  private constructor(
    readonly name: string,
    readonly port: number,
    readonly opsPort: number,
    redisUrl: string,
  ) {
    this.#starts = () =>
      startPod({
        args: ['--port', String(port), '--drain-delay', '2000', '--drain-window', '3000', '--grace', '30000'],
        env: {
          FLOTILLA_REDIS_URL: redisUrl,
          FLOTILLA_POD_NAME: name,
          FLOTILLA_POD_IP: '127.0.0.1',
          FLOTILLA_PEER_PORT: '0',
          FLOTILLA_OPS_PORT: String(opsPort),
          FLOTILLA_LOG_LEVEL: 'info',
          // on a machine under load no client is to be taken for dead
          FIXTURE_PING_TIMEOUT_MS: '60000',
          FIXTURE_PING_INTERVAL_MS: '10000',
        },
      });
  }

  static async start(name: string, redisUrl: string): Promise<SoakedPod> {
    const pod = new SoakedPod(name, await freePort(), await freePort(), redisUrl);
    pod.#pod = await pod.#starts();
    return pod;
  }

  get running(): RunningPod {
    return this.#pod as RunningPod;
  }

  async status(): Promise<PodStatus> {
    return (await fetch(`http://127.0.0.1:${this.opsPort}/api/status`)).json() as Promise<PodStatus>;
  }

  /** Kills a worker, and settles when another has taken its place. */
  async killWorker(): Promise<{ at: number }> {
    const { workers } = await this.status();
    const victim = workers.find(({ state }) => state === 'ready')?.pid as number;
    const at = Date.now();
    process.kill(victim, 'SIGKILL');
    await this.#until(async () => {
      const ready = (await this.status()).workers.filter(({ state }) => state === 'ready');
      return ready.length === 2 && ready.every(({ pid }) => pid !== victim);
    });
    return { at };
  }

  async reload(): Promise<void> {
    const before = this.running.log().filter(({ msg }) => msg === 'reload: done').length;
    process.kill(this.running.program.pid, 'SIGHUP');
    const failed = this.running.logged(/The reload stopped/).then(([line]) => Promise.reject(new Error(line?.msg)));
    failed.catch(() => {});
    await Promise.race([failed, this.running.logged(/reload: done/, before + 1)]);
  }

  /** Stops it, and starts another in its place; settles with how the old one ended. */
  async restart(): Promise<number | null> {
    const { code } = await this.running.stop();
    this.#pod = await this.#starts();
    return code;
  }

  /** What the primary holds: heap in use after what could be freed was, and open files. */
  async held(): Promise<{ heapMib: number; residentMib: number; files: number }> {
    const text = await (await fetch(`http://127.0.0.1:${this.opsPort}/metrics`)).text();
    const bytes = (kind: string) =>
      Number(
        new RegExp(
          `^flotilla_process_memory_bytes\\{(?=[^}]*worker="primary")(?=[^}]*kind="${kind}")[^}]*\\} (\\S+)$`,
          'm',
        ).exec(text)?.[1],
      );
    const files = readdirSync(`/proc/${this.running.program.pid}/fd`).length;
    return { heapMib: bytes('heap') / 2 ** 20, residentMib: bytes('resident') / 2 ** 20, files };
  }

  async #until(condition: () => Promise<boolean>): Promise<void> {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
