import type { BusLog, PodRow, PodState } from '../fleet';
import type { LinkOrigin } from '../link/link';

/** Another pod, as its heartbeats describe it. */
export interface RemotePod {
  /** The hub's own id; a pod that is started again has a new one. */
  hub: string;
  row: PodRow;
}

/** Told of changes among the other pods. */
export interface PodTableObserver {
  /** A pod came or went, or its state, its number of workers or its address changed. */
  changed(): void;
  /** A pod took its leave. */
  left(pod: RemotePod): void;
  /** A pod is gone without a word: it may be dead, stopped or cut off. */
  lost(pod: RemotePod): void;
}

/** The other pods of the fleet. */
export class PodTable {
  readonly #pods = new Map<string, RemotePod>();

  constructor(
    private readonly observer: PodTableObserver,
    private readonly timeoutMs: number,
    private readonly log: BusLog,
  ) {}

  /** Takes a heartbeat. */
  seen(origin: LinkOrigin, row: PodRow): void {
    const known = this.#pods.get(origin.hub);
    if (row.state === 'left') {
      if (known) {
        this.#remove(known);
        this.observer.left(known);
        this.observer.changed();
      }
      return;
    }
    const seen = { ...row, lastSeen: Date.now() };
    if (known) {
      const before = known.row;
      known.row = seen;
      const isSame = before.state === row.state && before.workers.length === row.workers.length;
      if (!isSame || !isSamePeer(before, row)) this.observer.changed();
      return;
    }
    this.log.info(`Flotilla: pod ${row.name} joined the fleet`);
    this.#pods.set(origin.hub, { hub: origin.hub, row: seen });
    this.observer.changed();
  }

  /** Drops the pods that have not been heard for too long. */
  expire(): void {
    const oldest = Date.now() - this.timeoutMs;
    for (const pod of this.#pods.values()) {
      if (pod.row.lastSeen >= oldest) continue;
      this.log.warn(`Flotilla: pod ${pod.row.name} has not been heard for ${this.timeoutMs} ms; it counts as gone`);
      this.#remove(pod);
      this.observer.lost(pod);
      this.observer.changed();
    }
  }

  /** While there is no link, nobody can be heard and nobody can be judged. */
  excuseAll(): void {
    for (const pod of this.#pods.values()) pod.row.lastSeen = Date.now();
  }

  get(hub: string): RemotePod | undefined {
    return this.#pods.get(hub);
  }

  all(): RemotePod[] {
    return [...this.#pods.values()];
  }

  get workers(): number {
    let workers = 0;
    for (const pod of this.#pods.values()) workers += pod.row.workers.length;
    return workers;
  }

  #remove(pod: RemotePod): void {
    this.#pods.delete(pod.hub);
    pod.row = { ...pod.row, state: 'left' satisfies PodState };
  }
}

function isSamePeer({ peer: left }: PodRow, { peer: right }: PodRow): boolean {
  return left?.host === right?.host && left?.port === right?.port;
}
