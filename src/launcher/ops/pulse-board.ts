import type { Supervisor } from '../supervisor';
import type { WorkerProcess } from '../worker-process';
import type { WorkerPulse } from './protocol';
import type { WorkerQuestions } from './worker-questions';

/** A worker's last sign of life. */
export interface Pulse extends WorkerPulse {
  /** Milliseconds since the epoch. */
  at: number;
  rates: PulseRates;
}

/** Per second, between the last two signs of life. */
export interface PulseRates {
  messagesIn: number;
  messagesOut: number;
  requests: number;
  busMessages: number;
  /** 1 is a whole CPU. */
  cpu: number;
  /** Failed and all operations on the session store. */
  sessionErrors: number;
  sessionCalls: number;
}

/** The pod at one moment, all workers together. */
export interface HistoryPoint {
  at: number;
  sockets: number;
  messagesIn: number;
  messagesOut: number;
  requests: number;
  busMessages: number;
  /** The worst of the workers. */
  eventLoopMs: number;
}

export const PULSE_EVERY_MS = 2_000;
const MOST_POINTS = 150;
const NO_RATES: PulseRates = {
  messagesIn: 0,
  messagesOut: 0,
  requests: 0,
  busMessages: 0,
  cpu: 0,
  sessionErrors: 0,
  sessionCalls: 0,
};

/** Feels the pulse of every worker again and again, and keeps the last five minutes. */
export class PulseBoard {
  readonly #pulses = new Map<WorkerProcess, Pulse>();
  readonly #history: HistoryPoint[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param onRound called after each round */
  constructor(
    private readonly supervisor: Supervisor,
    private readonly questions: WorkerQuestions,
    private readonly onRound: () => void,
  ) {}

  start(): void {
    this.#plan();
  }

  /** The last sign of life of a worker, if it gave one. */
  of(worker: WorkerProcess): Pulse | undefined {
    return this.#pulses.get(worker);
  }

  /**
   * Milliseconds since a worker has said anything. One that has so much to do that each answer comes too late for its round
   * lives all the same: a fleet that takes its busiest pods out of service has none left.
   */
  silentForMs(worker: WorkerProcess): number {
    return worker.heardAt === 0 ? 0 : Date.now() - worker.heardAt;
  }

  get history(): readonly HistoryPoint[] {
    return this.#history;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #plan(): void {
    this.#timer = setTimeout(() => void this.#round(), PULSE_EVERY_MS);
    this.#timer.unref();
  }

  async #round(): Promise<void> {
    const workers = this.supervisor.readyWorkers;
    const answered = await this.questions.askAll(workers, { name: 'pulse' });
    if (this.#closed) return;
    for (const { worker, answer } of answered) this.#note(worker, answer);
    for (const worker of this.#pulses.keys()) if (worker.state === 'gone') this.#pulses.delete(worker);
    this.#remember();
    this.onRound();
    this.#plan();
  }

  #note(worker: WorkerProcess, pulse: WorkerPulse): void {
    const before = this.#pulses.get(worker);
    const at = Date.now();
    this.#pulses.set(worker, { ...pulse, at, rates: before ? ratesBetween(before, pulse, at - before.at) : NO_RATES });
  }

  #remember(): void {
    const now = Date.now();
    const fresh = [...this.#pulses.values()].filter(({ at }) => now - at < 2 * PULSE_EVERY_MS);
    const sum = (read: (pulse: Pulse) => number) => fresh.reduce((total, pulse) => total + read(pulse), 0);
    this.#history.push({
      at: now,
      sockets: sum((pulse) => pulse.sockets),
      messagesIn: sum(({ rates }) => rates.messagesIn),
      messagesOut: sum(({ rates }) => rates.messagesOut),
      requests: sum(({ rates }) => rates.requests),
      busMessages: sum(({ rates }) => rates.busMessages),
      eventLoopMs: Math.max(0, ...fresh.map(({ eventLoopP99Ms }) => eventLoopP99Ms)),
    });
    if (this.#history.length > MOST_POINTS) this.#history.shift();
  }
}

function ratesBetween(before: WorkerPulse, after: WorkerPulse, elapsedMs: number): PulseRates {
  const perSecond = (from: number, to: number) => (elapsedMs > 0 ? Math.max(0, ((to - from) * 1_000) / elapsedMs) : 0);
  return {
    messagesIn: perSecond(before.messagesIn, after.messagesIn),
    messagesOut: perSecond(before.messagesOut, after.messagesOut),
    requests: perSecond(before.requests, after.requests),
    busMessages: perSecond(before.busMessages, after.busMessages),
    cpu: perSecond(before.cpuMs, after.cpuMs) / 1_000,
    sessionErrors: perSecond(before.sessionErrors ?? 0, after.sessionErrors ?? 0),
    sessionCalls: perSecond(before.sessionCalls ?? 0, after.sessionCalls ?? 0),
  };
}
