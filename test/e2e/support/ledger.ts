import { until } from './until';

const SEND_EVERY_MS = 40;
/** To listeners that are there. */
const ARRIVES_WITHIN_MS = 5_000;

/** What a client of the ledger tells of itself. */
export interface Heard {
  message(number: number): void;
  disconnected(): void;
  connected(isRecovered: boolean): void;
}

/** A client that comes back by itself. */
export interface LedgerClient {
  readonly isConnected: boolean;
  /** Gets all messages from now on. A client that comes back to a fresh socket does so again by itself. */
  listen(): Promise<void>;
  /** Settles when the server says that it has sent the message to all that listen. */
  send(number: number): Promise<void>;
  /** The name of the pod that it is connected to. */
  pod(): Promise<string>;
  /** Ends the connection, as a network does. */
  cut(): void;
  close(): void;
}

/** Settles with a client that is connected. */
export type OpenClient = (heard?: Heard) => Promise<LedgerClient>;

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
  /** Of the same: copies beyond the first. A fresh socket at a pod that reads behind gets what its client had already. */
  duplicates: number;
}

interface Listener {
  client: LedgerClient;
  got: number[];
  moves: number;
  fresh: number;
}

/** Numbered messages from one client to a room full of others. */
export class Ledger {
  private readonly listeners: Listener[] = [];
  private readonly sent = new Set<number>();
  private readonly underWay = new Set<Promise<unknown>>();
  private sender: LedgerClient | undefined;
  private timer: NodeJS.Timeout | undefined;
  private next = 1;
  /** Why the latest message was not sent, or not known to be. */
  private refusal: unknown;

  constructor(private readonly open: OpenClient) {}

  /** @param spared a pod that the sender is not connected to: a pod takes with it what it has told nobody yet */
  async start(listeners: number, spared?: string): Promise<void> {
    for (let count = 0; count < listeners; count++) this.listeners.push(await this.listen());
    this.sender = await until('sender on another pod', 60_000, async () => {
      const client = await this.open();
      if ((await client.pod()) !== spared) return client;
      client.close();
      return false;
    });
    this.timer = setInterval(() => void this.send(), SEND_EVERY_MS);
  }

  /** Cuts the connections of some listeners, which come back by themselves. */
  cut(count: number): void {
    for (const { client } of this.listeners.slice(0, count)) client.cut();
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
    let last: number | undefined;
    try {
      await until('last message at every listener', graceMs, async () => {
        last = await this.send();
        return last !== undefined && this.arrived(last);
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.describe(last)}`);
    }
    for (const { client } of this.listeners) client.close();
    this.sender?.close();
    const balance: Balance = { sent: this.sent.size, moves: 0, fresh: 0, lost: 0, duplicates: 0 };
    for (const { got, moves, fresh } of this.listeners) {
      balance.moves += moves;
      balance.fresh += fresh;
      if (fresh > 0) continue;
      const unique = new Set(got);
      balance.duplicates += got.length - unique.size;
      balance.lost += [...this.sent].filter((number) => !unique.has(number)).length;
    }
    return balance;
  }

  /** Throws where it does not come to all. */
  private arrived(number: number): Promise<true> {
    return until('arrival', ARRIVES_WITHIN_MS, () =>
      this.listeners.every(({ got, client }) => client.isConnected && got.includes(number)),
    ) as Promise<true>;
  }

  private describe(last: number | undefined): string {
    const listeners = this.listeners.map(({ client: { isConnected }, got, moves, fresh }) => {
      const sight = `got ${got.length}, at last ${got.at(-1)}; moves ${moves}, fresh ${fresh}`;
      return `${isConnected ? 'connected' : 'away'}, ${sight}`;
    });
    const refusal = last === undefined ? `; refused: ${this.refusal}` : '';
    return [`sent ${this.sent.size}, at last ${last}${refusal}`, ...listeners].join('\n');
  }

  private async listen(): Promise<Listener> {
    const got: number[] = [];
    const listener: Omit<Listener, 'client'> = { got, moves: 0, fresh: 0 };
    let isListening = false;
    const client = await this.open({
      message: (number) => got.push(number),
      disconnected: () => {
        listener.moves += 1;
      },
      connected: (isRecovered) => {
        if (isListening && !isRecovered) listener.fresh += 1;
      },
    });
    await client.listen();
    isListening = true;
    return Object.assign(listener, { client });
  }

  /** Settles with the number, or with nothing where nobody knows whether it was sent. */
  private send(): Promise<number | undefined> {
    const number = this.next++;
    const sending = (this.sender as LedgerClient).send(number).then(
      () => {
        this.sent.add(number);
        return number;
      },
      (error: unknown) => {
        this.refusal = error;
        return undefined;
      },
    );
    this.underWay.add(sending);
    void sending.then(() => this.underWay.delete(sending));
    return sending;
  }
}
