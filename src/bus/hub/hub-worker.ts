import type { WorkerRow } from '../fleet';
import type { Hello, Message } from '../protocol';
import type { Port } from '../transport/port';

/** A process at the other end of one of the hub's ports. */
export class HubWorker {
  readonly uid: string;
  readonly row: WorkerRow;
  /** Emitters send and ask, but have no sockets and are never asked. */
  readonly isMember: boolean;

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

  send(message: Message, body?: Buffer): void {
    this.port.send(message, body);
  }
}
