import type { Socket } from 'socket.io';
import { toPlainData } from '../plain-data';
import type { HeldClient } from './held-client';
import type { RecoveryGuard } from './recovery-options';
import type { SocketInternals } from './socket-internals';

/** A socket whose state the hub knows. There is one for each client, so it holds what it can't do without. */
export class TrackedSocket {
  generation = 1;
  /** Until the client has what it missed. */
  held: HeldClient | undefined;
  /** The hub knows it; while a socket is being connected it does not yet. */
  isOpen = false;
  /** Its connection is gone, for good or until the client comes back. */
  isGone = false;
  /** Its client does not get its state back. */
  isForgotten = false;
  /** Called once the socket is connected. */
  whenConnected: (() => void) | undefined;
  /** Why it was closed. */
  endReason: string | undefined;
  #dataText = '';
  #boundState: unknown;

  constructor(
    readonly socket: Socket,
    private readonly guard: RecoveryGuard | undefined,
  ) {}

  get internals(): SocketInternals {
    return this.socket as unknown as SocketInternals;
  }

  /** What the socket is bound to; counts as told. */
  readBinding(): string {
    this.#boundState = this.guard?.stateOf(this.socket);
    return this.guard?.bindingOf(this.socket) ?? '';
  }

  /** Whether the socket may be bound to something else than when last read. */
  get isBindingChanged(): boolean {
    return this.guard !== undefined && this.guard.stateOf(this.socket) !== this.#boundState;
  }

  /** The socket's data, if it is other than when last asked. */
  readChangedData(): { data: unknown } | undefined {
    const { data } = this.socket;
    const isEmpty = Object.keys(data ?? {}).length === 0;
    if (isEmpty && this.#dataText === '') return undefined;
    const text = isEmpty ? '' : textOf(data);
    if (text === this.#dataText) return undefined;
    this.#dataText = text;
    return { data: toPlainData(data) };
  }

  plainData(): unknown {
    return toPlainData(this.socket.data);
  }
}

/** Where data can't be told from its text, as with circles, it counts as changed once. */
function textOf(data: unknown): string {
  try {
    return JSON.stringify(data);
  } catch {
    return '(not plain)';
  }
}
