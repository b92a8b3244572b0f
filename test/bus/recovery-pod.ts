import { io, type Socket } from 'socket.io-client';
import { type HubOfWorkers, startHubOfWorkers, type TestServer, withServers } from './topology';

/** A pod of worker processes whose servers have recovery; its hub is in the test's process. */
export type RecoveryPod = HubOfWorkers;

export async function startRecoveryPod(
  workers: number,
  settings: { maxDisconnectionDurationMs?: number; maxMessages?: number; maxBytes?: number } = {},
): Promise<RecoveryPod> {
  return withServers(await startHubOfWorkers('pod', { TEST_RECOVERY: JSON.stringify(settings) }), workers);
}

/** Settles when everything that servers have sent before has come to a client. */
export async function settled(roamer: RoamingClient, from: TestServer[]): Promise<void> {
  for (const server of from) {
    const marker = `marker ${Math.random()}`;
    await server.run('emit', { rooms: [roamer.id], event: 'marker', args: [marker] });
    await roamer.until('marker', marker);
  }
}

/** Why clients that came back to a server were not recovered: how many, by reason. */
export async function failures(server: TestServer): Promise<Record<string, number>> {
  return (await server.run('recoveryCounts')).failedByReason;
}

/** A stock client that is told where to reconnect to, and writes down what it gets. */
export class RoamingClient {
  readonly socket: Socket;
  /** Every event since the start: its name and arguments, without the offset. */
  readonly events: unknown[][] = [];
  readonly offsets: string[] = [];
  #waiting: Array<() => void> = [];

  constructor(server: TestServer, options: { nsp?: string; transports?: string[] } = {}) {
    this.socket = io(`${addressOf(server)}${options.nsp ?? ''}`, {
      forceNew: true,
      autoConnect: false,
      reconnection: false,
      transports: options.transports ?? ['websocket'],
    });
    this.socket.onAny((...args: unknown[]) => {
      const last = args.at(-1);
      if (typeof last === 'string' && last.startsWith('\u0001')) {
        this.offsets.push(last);
        args.pop();
      }
      this.events.push(args);
      for (const check of this.#waiting) check();
    });
  }

  /** Whether the last connection has brought the state back. */
  get recovered(): boolean {
    return this.socket.recovered;
  }

  get id(): string {
    return this.socket.id as string;
  }

  async connect(server?: TestServer): Promise<this> {
    const { socket } = this;
    if (server) (socket.io as unknown as { uri: string }).uri = addressOf(server);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('connect_error', reject);
      socket.connect();
    });
    return this;
  }

  /** Loses its connection; the server sees it close. */
  async drop(): Promise<void> {
    if (!this.socket.connected) return;
    const gone = this.gone();
    this.socket.io.engine.close();
    await gone;
  }

  gone(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.socket.connected) resolve();
      else this.socket.once('disconnect', () => resolve());
    });
  }

  join(room: string | string[]): Promise<unknown> {
    return this.socket.emitWithAck('join', room);
  }

  leave(room: string): Promise<unknown> {
    return this.socket.emitWithAck('leave', room);
  }

  /** The first arguments of the events of a name, so far. */
  got(event: string): unknown[] {
    return this.events.filter(([name]) => name === event).map(([, first]) => first);
  }

  /** Settles when an event with this first argument has come. */
  async until(event: string, first?: unknown): Promise<void> {
    await this.untilTrue(() =>
      this.events.some((args) => args[0] === event && (first === undefined || args[1] === first)),
    );
  }

  untilTrue(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!condition()) return;
        this.#waiting = this.#waiting.filter((each) => each !== check);
        resolve();
      };
      this.#waiting.push(check);
      check();
    });
  }

  close(): void {
    this.socket.close();
  }
}

export function addressOf(server: TestServer): string {
  return `http://127.0.0.1:${server.port}`;
}

/** The numbers from one to another. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
