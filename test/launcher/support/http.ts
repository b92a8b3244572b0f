import { createHash } from 'node:crypto';
import {
  type Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
} from 'node:http';
import { connect, type Socket } from 'node:net';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** The client's port: which connection it was. */
  localPort: number | undefined;
}

export interface Sending {
  agent?: Agent | false;
  /** The address to come from. */
  localAddress?: string;
  method?: string;
  headers?: OutgoingHttpHeaders;
  body?: Buffer | string;
  /** Writes the body itself. */
  write?: (send: (chunk: Buffer) => void) => Promise<void>;
}

/** One HTTP request. */
export function send(url: string, sending: Sending = {}): Promise<Answer> {
  const { agent = false, method = 'GET', headers, body, write, localAddress } = sending;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, method, headers, localAddress }, (incoming) => {
      const localPort = outgoing.socket?.localPort;
      readAll(incoming).then(
        (bytes) => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: bytes, localPort }),
        reject,
      );
    });
    outgoing.on('error', reject);
    if (headers && 'Expect' in headers) {
      outgoing.flushHeaders();
      outgoing.once('continue', () => outgoing.end(body));
    } else if (write) void write((chunk) => outgoing.write(chunk)).then(() => outgoing.end());
    else outgoing.end(body);
  });
}

/** What came of an upgrade. */
export interface Upgrade {
  status: number;
  /** What the first frame says; of a close frame its two bytes of status. */
  first: string;
}

/** A masked frame with the text `2probe`, by which Engine.IO's clients try a websocket. */
const PROBE = Buffer.concat([Buffer.from([0x81, 0x86, 0, 0, 0, 0]), Buffer.from('2probe')]);

/** Asks for a websocket, and sends a probe on it. */
export function upgrade(url: string, agent: Agent | false = false): Promise<Upgrade> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      agent,
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      },
    });
    outgoing.on('upgrade', ({ statusCode: status = 0 }, socket, head) => {
      const heard = (bytes: Buffer) => {
        socket.destroy();
        resolve({ status, first: bytes.subarray(2).toString('latin1') });
      };
      socket.on('error', reject);
      if (head.length > 0) heard(head);
      else {
        socket.once('data', heard);
        socket.write(PROBE);
      }
    });
    outgoing.on('response', (incoming) => {
      incoming.resume();
      resolve({ status: incoming.statusCode ?? 0, first: '' });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

export async function json<Body>(url: string, sending?: Sending): Promise<Body> {
  return JSON.parse((await send(url, sending)).body.toString()) as Body;
}

async function readAll(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A TCP connection whose bytes the test writes itself. */
export class RawConnection {
  readonly socket: Socket;
  #received = '';
  #wake = () => {};
  closed = false;

  constructor(port: number, localAddress?: string) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, localAddress });
    this.socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#wake();
    });
    this.socket.on('error', () => {});
    for (const event of ['end', 'close']) {
      this.socket.on(event, () => {
        this.closed = true;
        this.#wake();
      });
    }
  }

  write(text: string): void {
    this.socket.write(text, 'latin1');
  }

  get received(): string {
    return this.#received;
  }

  /** Settles when what was received matches; rejects when the connection ends before. */
  async receives(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#received);
      if (match) return match;
      if (this.closed) throw new Error(`The connection ended after: ${this.#received}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async ends(): Promise<string> {
    while (!this.closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#received;
  }

  close(): void {
    this.socket.destroy();
  }
}
