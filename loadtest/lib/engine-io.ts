import http, { type CookieJar } from 'k6/http';
import { clearTimeout, setTimeout, type TimeoutID } from 'k6/timers';
import { WebSocket } from 'k6/websockets';
import { type Address, queryString } from './address.ts';
import { cookieHeader, emptyJar } from './cookies.ts';
import {
  decodeBinary,
  decodePayload,
  decodeText,
  type EngineIoPacket,
  type EngineIoVersion,
  encodeBinary,
  encodeText,
} from './engine-io-packet.ts';
import { SocketError } from './errors.ts';

export interface EngineIoOptions {
  address: Address;
  /** Default of Socket.IO: `/socket.io/`. */
  path: string;
  version: EngineIoVersion;
  /** `polling` makes the handshake over HTTP and upgrades to a WebSocket at once. */
  transport: 'websocket' | 'polling';
  query: Record<string, string>;
  headers: Record<string, string>;
  /** Its cookies for the address go with the handshake. */
  jar: CookieJar;
  connectTimeoutMs: number;
  tags: Record<string, string>;
}

export interface EngineIoHandlers {
  onText(text: string): void;
  onBinary(bytes: ArrayBuffer): void;
  /** Once, when the connection has ended, whoever ended it. */
  onClose(reason: string): void;
}

interface Handshake {
  sid: string;
  pingInterval: number;
  pingTimeout: number;
}

/** One Engine.IO connection over a WebSocket, with its heartbeat. */
export class EngineIoConnection {
  readonly #options: EngineIoOptions;
  readonly #handlers: EngineIoHandlers;
  #socket: WebSocket | undefined;
  #handshake: Handshake | undefined;
  #heartbeat: TimeoutID | undefined;
  #state: 'connecting' | 'open' | 'closed' = 'connecting';
  #opened: () => void = () => {};
  #refused: (error: SocketError) => void = () => {};

  constructor(options: EngineIoOptions, handlers: EngineIoHandlers) {
    this.#options = options;
    this.#handlers = handlers;
  }

  /**
   * Settles when the server's handshake is in.
   * @throws SocketError `E_CONNECT` or `E_CONNECT_TIMEOUT`
   */
  async open(): Promise<void> {
    const polled = this.#options.transport === 'polling' ? await pollHandshake(this.#options) : undefined;
    if (this.#state === 'closed') throw new SocketError('E_CONNECT', 'The connection was closed while it was opened');
    this.#handshake = polled?.handshake;
    await this.#openSocket();
    for (const packet of polled?.packets ?? []) this.#accept(packet);
  }

  /** The id that the server gave this connection; empty before its handshake. */
  get sid(): string {
    return this.#handshake?.sid ?? '';
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  sendText(text: string): void {
    this.#socket?.send(encodeText('message', text));
  }

  sendBinary(bytes: ArrayBuffer): void {
    this.#socket?.send(encodeBinary(bytes, this.#options.version));
  }

  close(reason = 'client close'): void {
    this.#end(reason);
  }

  #openSocket(): Promise<void> {
    const { address, path, version, connectTimeoutMs, tags } = this.#options;
    const handshake = this.#handshake;
    const query: Record<string, string> = { ...this.#options.query, EIO: `${version}`, transport: 'websocket' };
    if (handshake) query.sid = handshake.sid;
    return new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#refused(new SocketError('E_CONNECT_TIMEOUT', `No Engine.IO handshake within ${connectTimeoutMs} ms`));
        this.#end('connect timeout');
      }, connectTimeoutMs);
      this.#opened = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#refused = (error) => {
        clearTimeout(timer);
        reject(error);
      };

      const socket = new WebSocket(`${address.webSocketOrigin}${path}?${queryString(query)}`, null, {
        headers: handshakeHeaders(this.#options),
        jar: emptyJar(),
        tags,
      });
      socket.binaryType = 'arraybuffer';
      socket.addEventListener('message', (event) => this.#receive((event as { data: string | ArrayBuffer }).data));
      socket.addEventListener('error', (event) => this.#end((event as { error: string }).error || 'transport error'));
      socket.addEventListener('close', () => this.#end('transport close'));
      if (handshake) socket.addEventListener('open', () => socket.send(encodeText('ping', 'probe')));
      this.#socket = socket;
    });
  }

  #receive(frame: string | ArrayBuffer): void {
    if (this.#state === 'closed') return;
    const packet = typeof frame === 'string' ? decodeText(frame) : decodeBinary(frame, this.#options.version);
    if (packet) this.#accept(packet);
  }

  #accept(packet: EngineIoPacket): void {
    switch (packet.type) {
      case 'open':
        if (this.#state === 'connecting') this.#begin(JSON.parse(packet.data) as Handshake);
        return;
      case 'ping':
        this.#socket?.send(encodeText('pong', packet.data));
        this.#expectPing();
        return;
      case 'pong':
        if (this.#state === 'connecting' && packet.data === 'probe') {
          this.#socket?.send(encodeText('upgrade'));
          this.#begin(this.#handshake as Handshake);
        } else if (this.#options.version === 3) this.#schedulePing();
        return;
      case 'message':
        this.#handlers.onText(packet.data);
        return;
      case 'binary':
        this.#handlers.onBinary(packet.data);
        return;
      case 'close':
        this.#end('server close');
    }
  }

  #begin(handshake: Handshake): void {
    this.#handshake = handshake;
    this.#state = 'open';
    if (this.#options.version === 3) this.#schedulePing();
    else this.#expectPing();
    this.#opened();
  }

  /** Protocol 4: the server pings; without a ping in time the connection is dead. */
  #expectPing(): void {
    const { pingInterval, pingTimeout } = this.#handshake as Handshake;
    clearTimeout(this.#heartbeat as TimeoutID);
    this.#heartbeat = setTimeout(() => this.#end('ping timeout'), pingInterval + pingTimeout);
  }

  /** Protocol 3: the client pings, and the server has `pingTimeout` to answer. */
  #schedulePing(): void {
    const { pingInterval, pingTimeout } = this.#handshake as Handshake;
    clearTimeout(this.#heartbeat as TimeoutID);
    this.#heartbeat = setTimeout(() => {
      this.#socket?.send(encodeText('ping'));
      this.#heartbeat = setTimeout(() => this.#end('ping timeout'), pingTimeout);
    }, pingInterval);
  }

  #end(reason: string): void {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    clearTimeout(this.#heartbeat as TimeoutID);
    this.#socket?.close();
    if (wasOpen) this.#handlers.onClose(reason);
    else this.#refused(new SocketError('E_CONNECT', `The server refused the connection: ${reason}`));
  }
}

async function pollHandshake(options: EngineIoOptions): Promise<{ handshake: Handshake; packets: EngineIoPacket[] }> {
  const { address, path, version } = options;
  // `b64` keeps protocol 3 from answering in its binary form.
  const query = { ...options.query, EIO: `${version}`, transport: 'polling', ...(version === 3 && { b64: '1' }) };
  const response = await http.asyncRequest('GET', `${address.origin}${path}?${queryString(query)}`, null, {
    headers: options.headers,
    jar: options.jar,
    timeout: options.connectTimeoutMs,
    tags: { ...options.tags, name: 'engine.io handshake' },
    responseType: 'text',
  });
  if (response.status !== 200) {
    const why = response.error || `status ${response.status} ${response.body ?? ''}`;
    throw new SocketError('E_CONNECT', `The server refused the polling handshake: ${why}`);
  }
  const [open, ...packets] = decodePayload(response.body as string, version);
  if (open?.type !== 'open') throw new SocketError('E_CONNECT', `No Engine.IO handshake in: ${response.body}`);
  return { handshake: JSON.parse(open.data) as Handshake, packets };
}

function handshakeHeaders(options: EngineIoOptions): Record<string, string> {
  const cookies = cookieHeader(options.jar, options.address.origin);
  return cookies ? { ...options.headers, Cookie: cookies } : options.headers;
}
