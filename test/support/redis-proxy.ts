import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

interface Connection {
  near: Socket;
  far: Socket | undefined;
  /** What the client sent first: the name that it gives its connection is in it. */
  greeting: string;
}

/** A TCP proxy in front of Redis that can go silent: connections stay open, and no byte passes. */
export class RedisProxy {
  readonly host = '127.0.0.1';
  readonly #connections = new Set<Connection>();
  #silent = false;

  private constructor(
    readonly port: number,
    private readonly target: { host: string; port: number },
    private readonly server: Server,
  ) {
    server.on('connection', (near) => this.#accept(near));
  }

  static async start(target: { host: string; port: number }): Promise<RedisProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port');
    return new RedisProxy(address.port, target, server);
  }

  /** How many connections are open towards the client. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Goes silent: what is connected never gets another byte, not even an end. New connections are accepted and are as
   * silent, until `thaw()`; with `{ newConnections: 'forwarded' }` they work.
   */
  freeze({ newConnections = 'silent' }: { newConnections?: 'silent' | 'forwarded' } = {}): void {
    this.#silent = newConnections === 'silent';
    for (const connection of this.#connections) {
      connection.near.removeAllListeners('data').resume();
      connection.far?.removeAllListeners().on('error', ignore).destroy();
    }
  }

  /** New connections work again; the frozen ones stay silent. */
  thaw(): void {
    this.#silent = false;
  }

  /** What Redis sends to connections with this in their name waits from now on. Returns how to let it pass again. */
  hold(name: string): () => void {
    const held = [...this.#connections].filter(({ greeting }) => greeting.includes(name));
    for (const { far } of held) far?.pause();
    return () => {
      for (const { far } of held) far?.resume();
    };
  }

  /** Cuts every connection. */
  cut(): void {
    for (const { near, far } of this.#connections) {
      near.destroy();
      far?.destroy();
    }
  }

  async stop(): Promise<void> {
    this.cut();
    await once(this.server.close(), 'close');
  }

  #accept(near: Socket): void {
    const connection: Connection = { near, far: undefined, greeting: '' };
    this.#connections.add(connection);
    near.on('error', ignore);
    near.once('close', () => {
      this.#connections.delete(connection);
      connection.far?.destroy();
    });
    if (this.#silent) {
      near.resume();
      return;
    }
    const far = connect(this.target);
    connection.far = far;
    far.on('error', ignore);
    far.once('close', () => near.destroy());
    near.on('data', (chunk) => {
      if (connection.greeting.length < 1_000) connection.greeting += chunk.toString('latin1');
      far.write(chunk);
    });
    far.on('data', (chunk) => near.write(chunk));
  }
}

function ignore(): void {}
