import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A proxy in front of Redis that can make the connections it has deaf: whatever is published is taken out of what Redis
 * sends, while commands, PING among them, are answered. New connections are sound.
 */
export class DeafProxy {
  readonly host = '127.0.0.1';
  readonly #connections = new Set<{ near: Socket; far: Socket; deaf: boolean }>();
  /** Published messages that were kept back. */
  swallowed = 0;
  /** A subscription, and what the client sends after it, is passed on only this much later, as a lost packet would do. */
  subscribeDelayMs = 0;

  private constructor(
    readonly port: number,
    private readonly server: Server,
    private readonly target: { host: string; port: number },
  ) {
    server.on('connection', (near) => this.#accept(near));
  }

  static async start(target: { host: string; port: number }): Promise<DeafProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port');
    return new DeafProxy(address.port, server, target);
  }

  /** From now on the connections that are open bring no published message. */
  deafen(): void {
    for (const connection of this.#connections) connection.deaf = true;
  }

  async stop(): Promise<void> {
    for (const { near, far } of this.#connections) {
      near.destroy();
      far.destroy();
    }
    await once(this.server.close(), 'close');
  }

  #accept(near: Socket): void {
    const far = connect(this.target);
    const connection = { near, far, deaf: false };
    this.#connections.add(connection);
    let rest: Buffer = Buffer.alloc(0);
    let passedOn: Promise<unknown> = Promise.resolve();
    near.on('error', ignore).on('data', (chunk: Buffer) => {
      const begin = this.subscribeDelayMs > 0 ? chunk.toString('latin1').search(SUBSCRIBE) : -1;
      const before = begin === -1 ? chunk : chunk.subarray(0, begin);
      passedOn = passedOn.then(() => far.write(before));
      if (begin === -1) return;
      passedOn = passedOn.then(() => new Promise((resolve) => setTimeout(resolve, this.subscribeDelayMs)));
      passedOn = passedOn.then(() => far.write(chunk.subarray(begin)));
    });
    near.once('close', () => {
      this.#connections.delete(connection);
      far.destroy();
    });
    far.on('error', ignore).once('close', () => near.destroy());
    far.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let end = replyEnd(rest, 0); end !== -1; end = replyEnd(rest, 0)) {
        const reply = rest.subarray(0, end);
        rest = rest.subarray(end);
        if (connection.deaf && isPublished(reply)) this.swallowed += 1;
        else near.write(reply);
      }
    });
  }
}

/** Where the command begins. */
const SUBSCRIBE = /\*[0-9]+\r\n\$9\r\nsubscribe\r\n/i;

function isPublished(reply: Buffer): boolean {
  return /^[*>]3\r\n\$7\r\nmessage\r\n/.test(reply.toString('latin1', 0, 24));
}

/** Where the reply that begins at `start` ends, or -1 while it is incomplete. */
function replyEnd(bytes: Buffer, start: number): number {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd === -1) return -1;
  let position = lineEnd + 2;
  const type = String.fromCharCode(bytes[start] as number);
  const count = Number(bytes.toString('latin1', start + 1, lineEnd));
  if (type === '$') {
    if (count >= 0) position += count + 2;
    return position <= bytes.length ? position : -1;
  }
  if (type === '*' || type === '>') {
    for (let index = 0; index < count; index++) {
      position = replyEnd(bytes, position);
      if (position === -1) return -1;
    }
  }
  return position;
}

function ignore(): void {}
