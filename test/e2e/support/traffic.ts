import { setTimeout as delay } from 'node:timers/promises';
import type { Socket } from 'socket.io-client';
import { connected, type Site } from './ingress';

const REQUESTS_AT_ONCE = 4;
const PAUSE_MS = 40;

/** What clients saw between start and stop. */
export interface Seen {
  requests: number;
  /** Everything but a whole answer with 200. */
  failed: string[];
  /** How often each socket lost its connection. */
  moves: number[];
  /** How long each loss lasted, in milliseconds. */
  gapsMs: number[];
  /** Sockets that are not connected now. */
  lost: number;
}

/** People who use the app: some reload the page, others have a socket open. */
export class Traffic {
  private readonly sockets: Socket[] = [];
  private readonly seen: Seen = { requests: 0, failed: [], moves: [], gapsMs: [], lost: 0 };
  private stopped = false;
  private readers: Promise<void>[] = [];

  constructor(
    private readonly site: Site,
    private readonly websockets: number,
    private readonly pollers: number,
  ) {}

  async start(): Promise<void> {
    for (let index = 0; index < this.websockets + this.pollers; index++) {
      const socket = this.site.socket([index < this.websockets ? 'websocket' : 'polling']);
      this.sockets.push(socket);
      await connected(socket);
      this.seen.moves.push(0);
      let lostAt = 0;
      socket.on('disconnect', () => {
        lostAt = performance.now();
        this.seen.moves[index] = (this.seen.moves[index] ?? 0) + 1;
      });
      socket.on('connect', () => this.seen.gapsMs.push(performance.now() - lostAt));
    }
    this.readers = Array.from({ length: REQUESTS_AT_ONCE }, () => this.read());
  }

  /** Ends it all and tells what was seen. Sockets have `graceMs` to come back if they were just moving. */
  async stop(graceMs = 15_000): Promise<Seen> {
    this.stopped = true;
    await Promise.all(this.readers);
    await Promise.allSettled(this.sockets.map((socket) => connected(socket, graceMs)));
    this.seen.lost = this.sockets.filter((socket) => !socket.connected).length;
    for (const socket of this.sockets) socket.removeAllListeners().disconnect();
    return this.seen;
  }

  private async read(): Promise<void> {
    while (!this.stopped) {
      this.seen.requests++;
      try {
        const status = await this.site.get('/');
        if (status !== 200) this.seen.failed.push(String(status));
      } catch (error) {
        this.seen.failed.push(String(error));
      }
      await delay(PAUSE_MS);
    }
  }
}

/** One line for the log. */
export function summary({ requests, failed, moves, gapsMs, lost }: Seen): string {
  return (
    `${requests} requests, ${failed.length} failed; ${moves.length} sockets, ${moves.reduce((sum, n) => sum + n, 0)} moves ` +
    `(most of one: ${Math.max(0, ...moves)}), longest gap ${Math.round(Math.max(0, ...gapsMs))} ms, ${lost} not back`
  );
}
