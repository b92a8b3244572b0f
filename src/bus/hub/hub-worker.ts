import type { WorkerRow } from '../fleet';
import { type Hello, type Message, MessageKind } from '../protocol';
import type { Port } from '../transport/port';

/** A process at the other end of one of the hub's ports. */
export class HubWorker {
  readonly uid: string;
  readonly row: WorkerRow;
  /** Emitters send and ask, but have no sockets and are never asked. */
  isMember: boolean;

  constructor(
    private readonly port: Port,
    hello: Hello,
  ) {
    this.uid = hello.uid;
    this.isMember = hello.role === 'worker';
    this.row = {
      number: hello.number,
      tag: hello.tag,
      pid: hello.pid,
      sockets: 0,
      startedAt: hello.startedAt,
      version: hello.version,
    };
  }

  /** Announcements that are not effective yet, or wait for an earlier one, in order. */
  readonly #unconfirmed: Array<{ seq: number; effective: boolean }> = [];

  /**
   * Confirms an announcement once it and all before it are effective.
   * @param pending settles when the announcement is effective; nothing where it is already
   */
  confirm(seq: number, pending: Promise<void> | undefined): void {
    if (!pending && this.#unconfirmed.length === 0) {
      this.#sendConfirm(seq);
      return;
    }
    const entry = { seq, effective: !pending };
    this.#unconfirmed.push(entry);
    void pending?.then(() => {
      entry.effective = true;
      this.#confirmWhatIsEffective();
    });
  }

  #confirmWhatIsEffective(): void {
    let confirmed = 0;
    while (this.#unconfirmed[0]?.effective) confirmed = this.#unconfirmed.shift()?.seq ?? confirmed;
    if (confirmed > 0) this.#sendConfirm(confirmed);
  }

  #sendConfirm(seq: number): void {
    this.send({ kind: MessageKind.Confirm, seq });
  }

  send(message: Message, body?: Buffer): void {
    this.port.send(message, body);
  }
}
