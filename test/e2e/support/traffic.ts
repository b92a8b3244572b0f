import { setTimeout as delay } from 'node:timers/promises';
import type { Socket } from 'socket.io-client';
import { connected, type Site, whoAmI } from './ingress';
import { until } from './until';

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
  /** Sockets that did not come back. */
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

  /**
   * Ends it all and tells what was seen, once every socket has had an answer. That may take `graceMs`: behind a proxy a client hears of a
   * pod that vanished by its missing pings only, after 45 s, and an attempt to connect that goes there ends after 20 s.
   */
  async stop(graceMs = 90_000): Promise<Seen> {
    this.stopped = true;
    await Promise.all(this.readers);
    const answers = this.sockets.map((socket) => until('answer', graceMs, () => socket.connected && whoAmI(socket)));
    this.seen.lost = (await Promise.allSettled(answers)).filter(({ status }) => status === 'rejected').length;
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
