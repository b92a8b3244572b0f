import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** A websocket client on a bare TCP connection, so that a test decides when it reads. Its frames hold texts up to 64 KiB. */
export class RawWebsocket {
  /** Bytes that were received since the connection opened. */
  received = 0;
  #text = '';
  #wake = () => {};
  #isClosed = false;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.length;
      if (this.#text.length < 65_536) this.#text += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  /** Connects a Socket.IO client to the default namespace. */
  static async connect(port: number): Promise<RawWebsocket> {
    const client = new RawWebsocket(connect({ port, host: '127.0.0.1' }));
    client.socket.write(
      [
        'GET /socket.io/?EIO=4&transport=websocket&__sails_io_sdk_version=1.2.1 HTTP/1.1',
        `Host: 127.0.0.1:${port}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
        '\r\n',
      ].join('\r\n'),
    );
    await client.receives('"sid"');
    client.send('40');
    await client.receives('40{');
    return client;
  }

  /** Settles when this was received, among the first 64 KiB. */
  async receives(text: string): Promise<void> {
    while (!this.#text.includes(text)) {
      if (this.#isClosed) throw new Error(`closed before "${text}" came`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async closed(): Promise<void> {
    while (!this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  send(text: string): void {
    const data = Buffer.from(text);
    const mask = randomBytes(4);
    const header =
      data.length < 126
        ? Buffer.from([0x81, 0x80 | data.length])
        : Buffer.from([0x81, 0xfe, data.length >> 8, data.length & 255]);
    const masked = data.map((byte, index) => byte ^ (mask[index % 4] as number));
    this.socket.write(Buffer.concat([header, mask, masked]));
  }

  stopReading(): void {
    this.socket.pause();
  }

  readOn(): void {
    this.socket.resume();
  }

  close(): void {
    this.socket.destroy();
  }
}
