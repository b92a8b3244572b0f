import type { Socket } from 'socket.io';
import { toPlainData } from '../plain-data';
import type { HeldClient } from './held-client';
import type { SocketInternals } from './socket-internals';

/** A socket whose state the hub knows. */
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
  #dataText = '';
  #binding = '';

  constructor(
    readonly socket: Socket,
    /** Digest of its private id. */
    readonly key: string,
    private readonly readBinding: () => string,
  ) {}

  get internals(): SocketInternals {
    return this.socket as unknown as SocketInternals;
  }

  get binding(): string {
    return this.#binding;
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

  /** Whether the socket is bound to something else than when last asked. */
  isBindingChanged(): boolean {
    const binding = this.readBinding();
    if (binding === this.#binding) return false;
    this.#binding = binding;
    return true;
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
