import type { BusCounters } from '../counters';
import type { Message } from '../protocol';
import type { Port, PortListener } from './port';

/** Two ports joined within one process: for a process that is its own hub. Messages arrive within the call that sends them. */
export function createInProcessPorts(counters: BusCounters): [Port, Port] {
  const left = new InProcessPort(counters);
  const right = new InProcessPort(counters);
  left.peer = right;
  right.peer = left;
  return [left, right];
}

class InProcessPort implements Port {
  peer: InProcessPort | undefined;
  #listener: PortListener | undefined;
  #early: Message[] = [];

  constructor(private readonly counters: BusCounters) {}

  send(message: Message): void {
    this.peer?.receive(message);
  }

  listen(listener: PortListener): void {
    this.#listener = listener;
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.receive(message);
  }

  close(): void {
    const peer = this.peer;
    this.peer = undefined;
    this.#listener?.onClose();
    if (peer) peer.close();
  }

  receive(message: Message): void {
    if (!this.#listener) {
      this.#early.push(message);
      return;
    }
    try {
      this.#listener.onMessage(message);
    } catch (error) {
      this.counters.failed(error);
    }
  }
}
