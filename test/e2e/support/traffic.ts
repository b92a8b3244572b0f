import { setTimeout as delay } from 'node:timers/promises';
import type { Socket } from 'socket.io-client';
import { connected, type Site, whoAmI } from './ingress';
import { until } from './until';

const REQUESTS_AT_ONCE = 4;
const PAUSE_MS = 40;

/** The time that a socket was without a connection. */
export interface Gap {
  ms: number;
  transport: 'websocket' | 'polling';
  /** Why it was lost, and why each attempt to connect again failed. */
  reasons: string[];
}

/** What clients saw between start and stop. */
export interface Seen {
  requests: number;
  /** Everything but a whole answer with 200. */
  failed: string[];
  /** How often each socket lost its connection. */
  moves: number[];
  gaps: Gap[];
  /** Sockets that did not come back. */
  lost: number;
}

/** People who use the app: some reload the page, others have a socket open. */
export class Traffic {
  private readonly sockets: Socket[] = [];
  private readonly seen: Seen = { requests: 0, failed: [], moves: [], gaps: [], lost: 0 };
  private stopped = false;
  private readers: Promise<void>[] = [];

  constructor(
    private readonly site: Site,
    private readonly websockets: number,
    private readonly pollers: number,
  ) {}

  async start(): Promise<void> {
    for (let index = 0; index < this.websockets + this.pollers; index++) {
      const transport = index < this.websockets ? 'websocket' : 'polling';
      const socket = this.site.socket([transport]);
      this.sockets.push(socket);
      await connected(socket);
      this.seen.moves.push(0);
      let lostAt = 0;
      let reasons: string[] = [];
      socket.on('disconnect', (reason) => {
        lostAt = performance.now();
        reasons = [reason];
        this.seen.moves[index] = (this.seen.moves[index] ?? 0) + 1;
      });
      socket.on('connect_error', (error) => reasons.push(error.message));
      socket.on('connect', () => this.seen.gaps.push({ ms: performance.now() - lostAt, transport, reasons }));
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

/** For the log. */
export function summary({ requests, failed, moves, gaps, lost }: Seen): string {
  const [longest] = gaps.toSorted((one, other) => other.ms - one.ms);
  return (
    `${requests} requests, ${failed.length} failed${counted(failed)}; ${moves.length} sockets, ` +
    `${moves.reduce((sum, n) => sum + n, 0)} moves (most of one: ${Math.max(0, ...moves)}), longest gap ` +
    `${longest ? `${Math.round(longest.ms)} ms (${longest.transport}: ${longest.reasons.join(', ')})` : '0 ms'}, ${lost} not back`
  );
}

/** How often each text is among them. */
function counted(texts: string[]): string {
  if (texts.length === 0) return '';
  const counts = [...new Set(texts)].map((text) => `${texts.filter((other) => other === text).length} × ${text}`);
  return ` (${counts.join(', ')})`;
}
