import type { Socket } from 'socket.io-client';
import { connected, type Site } from './ingress';
import { until } from './until';

const ROOM = 'ledger';
const SEND_EVERY_MS = 40;
const ANSWER_WITHIN_MS = 20_000;

/** Who answers in the namespace of the probe. */
export interface ProbeIdentity {
  podName: string;
  worker: number;
}

/** What listeners got of numbered messages. */
export interface Balance {
  /** Messages whose sender was told that they were sent. */
  sent: number;
  /** How often a connection was lost. */
  moves: number;
  /** How often a listener came back to a fresh socket, and knew it. */
  fresh: number;
  /** Of listeners that were told nothing: messages that did not come. */
  lost: number;
  /** Copies beyond the first. */
  duplicates: number;
}

interface Listener {
  socket: Socket;
  got: number[];
  moves: number;
  fresh: number;
}

/** Numbered messages from one client to a room full of others, each with Socket.IO's own client for Engine.IO 4. */
export class Ledger {
  private readonly listeners: Listener[] = [];
  private readonly sent = new Set<number>();
  private readonly underWay = new Set<Promise<unknown>>();
  private sender: Socket | undefined;
  private timer: NodeJS.Timeout | undefined;
  private next = 1;

  constructor(
    private readonly site: Site,
    private readonly token: string,
  ) {}

  /** @param spared a pod that the sender is not connected to: a pod takes with it what it has told nobody yet */
  async start(listeners: number, spared?: string): Promise<void> {
    for (let count = 0; count < listeners; count++) this.listeners.push(await this.listen());
    this.sender = await until('sender on another pod', 60_000, async () => {
      const socket = await connected(this.site.probe(this.token));
      if ((await this.whoAmI(socket)).podName !== spared) return socket;
      socket.disconnect();
      return false;
    });
    this.timer = setInterval(() => void this.send(), SEND_EVERY_MS);
  }

  /** Cuts the connections of some listeners, which come back by themselves. */
  cut(count: number): void {
    for (const { socket } of this.listeners.slice(0, count)) socket.io.engine.close();
  }

  /** So many messages more have been sent. */
  async progress(messages: number): Promise<void> {
    const goal = this.sent.size + messages;
    await until(`${messages} more messages`, 60_000, () => this.sent.size >= goal);
  }

  /** Ends it, once everybody who is there has got a last message. */
  async stop(graceMs = 120_000): Promise<Balance> {
    clearInterval(this.timer);
    await Promise.all(this.underWay);
    // The last ones to come back may have been on their way while it was sent.
    await until('last message at every listener', graceMs, async () => {
      const last = await this.send();
      return this.listeners.every(({ got, socket }) => socket.connected && last !== undefined && got.includes(last));
    });
    for (const { socket } of this.listeners) socket.removeAllListeners().disconnect();
    this.sender?.disconnect();
    const balance: Balance = { sent: this.sent.size, moves: 0, fresh: 0, lost: 0, duplicates: 0 };
    for (const { got, moves, fresh } of this.listeners) {
      const unique = new Set(got);
      balance.moves += moves;
      balance.fresh += fresh;
      balance.duplicates += got.length - unique.size;
      if (fresh === 0) balance.lost += [...this.sent].filter((number) => !unique.has(number)).length;
    }
    return balance;
  }

  private async listen(): Promise<Listener> {
    const socket = await connected(this.site.probe(this.token));
    const listener: Listener = { socket, got: [], moves: 0, fresh: 0 };
    socket.on('probe', (number: number) => listener.got.push(number));
    socket.on('disconnect', () => {
      listener.moves += 1;
    });
    await socket.timeout(ANSWER_WITHIN_MS).emitWithAck('join', ROOM);
    socket.on('connect', () => {
      if (socket.recovered) return;
      listener.fresh += 1;
      socket.emit('join', ROOM, () => {});
    });
    return listener;
  }

  private async whoAmI(socket: Socket): Promise<ProbeIdentity> {
    return (await socket.timeout(ANSWER_WITHIN_MS).emitWithAck('whoami')) as ProbeIdentity;
  }

  /** Settles with the number, or with nothing where nobody knows whether it was sent. */
  private send(): Promise<number | undefined> {
    const number = this.next++;
    const sending = (this.sender as Socket)
      .timeout(ANSWER_WITHIN_MS)
      .emitWithAck('broadcast', ROOM, number)
      .then(
        () => {
          this.sent.add(number);
          return number;
        },
        () => undefined,
      );
    this.underWay.add(sending);
    void sending.then(() => this.underWay.delete(sending));
    return sending;
  }
}
