import http, { type CookieJar } from 'k6/http';
import { clearTimeout, setTimeout, type TimeoutID } from 'k6/timers';
import { parseAddress } from './address.ts';
import { type BackoffOptions, backoffMs, DEFAULT_BACKOFF } from './backoff.ts';
import { EngineIoConnection } from './engine-io.ts';
import type { EngineIoVersion } from './engine-io-packet.ts';
import { SocketError } from './errors.ts';
import { encodePacket, PacketDecoder, PacketType, type SocketIoPacket } from './socket-io-packet.ts';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS';

export interface SailsSocketOptions {
  /** Scheme, host and port of the app, e.g. `http://localhost:1337`. */
  url: string;
  /** Where the app serves Socket.IO. Default `/socket.io/`. */
  path?: string;
  /** Engine.IO protocol: 4 (default) or 3, the one of sails.io.js 1.2.1. */
  version?: EngineIoVersion;
  /** `websocket` (default, as in Sails), or `polling`: a handshake over HTTP, then an upgrade. */
  transport?: 'websocket' | 'polling';
  /** Default `/`. */
  namespace?: string;
  /** Sent with the handshake. Default: the app's own address, since apps with `onlyAllowOrigins` refuse a client without. */
  origin?: string;
  headers?: Record<string, string>;
  /** More parameters for the handshake's query. */
  query?: Record<string, string>;
  /** Sent when the namespace is joined; protocol 4 only. */
  auth?: Record<string, unknown>;
  /** Cookies for the handshake. Default: those of the virtual user, so an HTTP login before `connect()` is all it takes. */
  jar?: CookieJar;
  /** Default 10000. */
  connectTimeoutMs?: number;
  /** How long a virtual request waits for its answer. Default 10000. */
  ackTimeoutMs?: number;
  /** Come back by itself after a connection that was up has ended. Default false. */
  reconnect?: Partial<BackoffOptions> | boolean;
  /** Tags for the metrics that the runtime keeps of this connection. */
  tags?: Record<string, string>;
}

/** What a Sails app answers to a virtual request. */
export interface JsonWebSocketResponse {
  body: unknown;
  headers: Record<string, string>;
  statusCode: number;
}

/** How a socket came back. */
export interface Reconnection {
  /** From the moment the old connection was seen to end until the new one was up. */
  gapMs: number;
  /** Attempts it took, the good one included. */
  attempts: number;
}

interface Pending {
  resolve(value: unknown[]): void;
  reject(error: SocketError): void;
  timer: TimeoutID;
}

/**
 * A client of a Sails app (or of any Socket.IO server) for k6 scripts: on k6's own modules, without an extension.
 *
 * ```ts
 * import { SailsSocket } from './lib/sails-socket.ts';
 *
 * export default async function () {
 *   const socket = new SailsSocket({ url: 'http://localhost:1337' });
 *   socket.on('counterUpdated', (message) => console.log(JSON.stringify(message)));
 *   await socket.connect();
 *   const { statusCode, body } = await socket.get('/api/counter/subscribe');
 *   console.log(statusCode, JSON.stringify(body));
 *   socket.close(); // an open socket keeps the iteration running
 * }
 * ```
 */
export class SailsSocket {
  /** Called when a connection that was up has ended, with the reason; not after `close()`. */
  onDisconnect: (reason: string) => void = () => {};
  /** Called when the socket is back. Rooms are the app's business: join them again here. */
  onReconnect: (reconnection: Reconnection) => void = () => {};

  readonly #options: Required<Omit<SailsSocketOptions, 'reconnect' | 'jar'>>;
  readonly #jar: CookieJar | undefined;
  readonly #backoff: BackoffOptions | undefined;
  readonly #handlers = new Map<string, ((...args: unknown[]) => void)[]>();
  readonly #pending = new Map<number, Pending>();
  #engine: EngineIoConnection | undefined;
  #decoder = new PacketDecoder();
  #joined: ((error?: SocketError) => void) | undefined;
  #id = '';
  #nextAck = 0;
  #closed = false;
  #retry: TimeoutID | undefined;

  constructor(options: SailsSocketOptions) {
    const { reconnect, jar, ...rest } = options;
    this.#options = {
      path: '/socket.io/',
      version: 4,
      transport: 'websocket',
      namespace: '/',
      origin: parseAddress(options.url).origin,
      headers: {},
      query: {},
      auth: {},
      connectTimeoutMs: 10_000,
      ackTimeoutMs: 10_000,
      tags: {},
      ...rest,
    };
    this.#jar = jar;
    if (reconnect) this.#backoff = { ...DEFAULT_BACKOFF, ...(reconnect === true ? {} : reconnect) };
  }

  /** Id of this socket in its namespace; empty while it is not connected. */
  get id(): string {
    return this.#id;
  }

  get connected(): boolean {
    return this.#id !== '' && this.#engine?.isOpen === true;
  }

  /**
   * Settles when the namespace is joined.
   * @throws SocketError `E_CONNECT`, `E_CONNECT_TIMEOUT` or `E_NAMESPACE`
   */
  async connect(): Promise<void> {
    const { version, transport, path, headers, origin, query, tags, connectTimeoutMs } = this.#options;
    this.#decoder = new PacketDecoder();
    const joined = new Promise<void>((resolve, reject) => {
      this.#joined = (error) => (error ? reject(error) : resolve());
    });
    // Nobody waits for it where the connection itself is refused.
    joined.catch(() => {});

    const engine = new EngineIoConnection(
      {
        address: parseAddress(this.#options.url),
        path,
        version,
        transport,
        headers: { Origin: origin, ...headers },
        // Without a version Sails answers a virtual request with a parse error.
        query: {
          __sails_io_sdk_version: '1.2.1',
          __sails_io_sdk_platform: 'node',
          __sails_io_sdk_language: 'javascript',
          ...query,
        },
        jar: this.#jar ?? http.cookieJar(),
        connectTimeoutMs,
        tags,
      },
      {
        onText: (text) => this.#accept(() => this.#decoder.text(text)),
        onBinary: (bytes) => this.#accept(() => this.#decoder.binary(bytes)),
        onClose: (reason) => this.#ended(reason),
      },
    );
    this.#engine = engine;
    const timer = setTimeout(() => {
      const message = `The namespace ${this.#options.namespace} was not joined within ${connectTimeoutMs} ms`;
      this.#joined?.(new SocketError('E_CONNECT_TIMEOUT', message));
      engine.close('connect timeout');
    }, connectTimeoutMs);
    try {
      await engine.open();
      this.#joinNamespace();
      await joined;
    } finally {
      clearTimeout(timer);
      this.#joined = undefined;
    }
  }

  /** Calls the handler at every event of this name. */
  on(event: string, handler: (...args: unknown[]) => void): void {
    const handlers = this.#handlers.get(event) ?? [];
    handlers.push(handler);
    this.#handlers.set(event, handlers);
  }

  emit(event: string, ...args: unknown[]): void {
    this.#send({ type: PacketType.event, namespace: this.#options.namespace, data: [event, ...args] });
  }

  /**
   * @returns what the server passed to the acknowledgement
   * @throws SocketError `E_ACK_TIMEOUT` or `E_DISCONNECTED`
   */
  emitWithAck(event: string, args: unknown[], timeoutMs = this.#options.ackTimeoutMs): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      if (!this.connected) {
        reject(new SocketError('E_DISCONNECTED', `"${event}" was not sent: the socket is not connected`));
        return;
      }
      const id = this.#nextAck++;
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new SocketError('E_ACK_TIMEOUT', `No acknowledgement of "${event}" within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#send({ type: PacketType.event, namespace: this.#options.namespace, id, data: [event, ...args] });
    });
  }

  /**
   * A virtual request.
   * @returns the answer, whatever its status code
   * @throws SocketError `E_ACK_TIMEOUT` or `E_DISCONNECTED`
   */
  async request(
    method: HttpMethod,
    url: string,
    data?: unknown,
    options: { headers?: Record<string, string>; timeoutMs?: number } = {},
  ): Promise<JsonWebSocketResponse> {
    const name = method.toLowerCase();
    const request = { method: name, url, data, headers: options.headers ?? {} };
    const [answer] = await this.emitWithAck(name, [request], options.timeoutMs);
    return answer as JsonWebSocketResponse;
  }

  get(url: string, data?: unknown): Promise<JsonWebSocketResponse> {
    return this.request('GET', url, data);
  }

  post(url: string, data?: unknown): Promise<JsonWebSocketResponse> {
    return this.request('POST', url, data);
  }

  put(url: string, data?: unknown): Promise<JsonWebSocketResponse> {
    return this.request('PUT', url, data);
  }

  patch(url: string, data?: unknown): Promise<JsonWebSocketResponse> {
    return this.request('PATCH', url, data);
  }

  delete(url: string, data?: unknown): Promise<JsonWebSocketResponse> {
    return this.request('DELETE', url, data);
  }

  /** Ends the connection for good. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry as TimeoutID);
    if (this.connected) this.#send({ type: PacketType.disconnect, namespace: this.#options.namespace });
    this.#engine?.close();
  }

  /** Breaks the connection as a lost network would, without telling the server; with `reconnect` the socket comes back. */
  drop(): void {
    this.#engine?.close('dropped');
  }

  #joinNamespace(): void {
    const { version, namespace, auth } = this.#options;
    // In protocol 3 the server joins the client to `/` by itself.
    if (version === 3 && namespace === '/') return;
    const data = version === 4 && Object.keys(auth).length > 0 ? auth : undefined;
    this.#send({ type: PacketType.connect, namespace, data });
  }

  #send(packet: SocketIoPacket): void {
    const engine = this.#engine;
    if (!engine?.isOpen) return;
    const { text, attachments } = encodePacket(packet);
    engine.sendText(text);
    for (const bytes of attachments) engine.sendBinary(bytes);
  }

  #accept(decode: () => SocketIoPacket | undefined): void {
    let packet: SocketIoPacket | undefined;
    try {
      packet = decode();
    } catch (error) {
      this.#engine?.close(`parse error: ${(error as Error).message}`);
      return;
    }
    if (!packet || packet.namespace !== this.#options.namespace) return;
    switch (packet.type) {
      case PacketType.connect:
        this.#id = (packet.data as { sid?: string } | undefined)?.sid ?? this.#engine?.sid ?? 'joined';
        this.#joined?.();
        return;
      case PacketType.connectError: {
        const why = (packet.data as { message?: string } | undefined)?.message ?? JSON.stringify(packet.data);
        this.#joined?.(new SocketError('E_NAMESPACE', `The server refused ${packet.namespace}: ${why}`));
        this.#engine?.close('namespace refused');
        return;
      }
      case PacketType.event:
        this.#handle(packet);
        return;
      case PacketType.ack: {
        const pending = this.#pending.get(packet.id as number);
        if (!pending) return;
        this.#pending.delete(packet.id as number);
        clearTimeout(pending.timer);
        pending.resolve(packet.data as unknown[]);
        return;
      }
      case PacketType.disconnect:
        this.#engine?.close('server disconnect');
    }
  }

  #handle(packet: SocketIoPacket): void {
    const [event, ...args] = packet.data as [string, ...unknown[]];
    if (packet.id !== undefined) {
      const { id, namespace } = packet;
      args.push((...answer: unknown[]) => this.#send({ type: PacketType.ack, namespace, id, data: answer }));
    }
    for (const handler of this.#handlers.get(event) ?? []) handler(...args);
  }

  #ended(reason: string): void {
    const wasJoined = this.#id !== '';
    this.#id = '';
    this.#engine = undefined;
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new SocketError('E_DISCONNECTED', `The connection ended before the answer: ${reason}`));
    }
    this.#pending.clear();
    this.#joined?.(new SocketError('E_CONNECT', `The connection ended before the namespace was joined: ${reason}`));
    if (!wasJoined || this.#closed) return;
    this.onDisconnect(reason);
    // A server that disconnects a socket on purpose does not want it back: socket.io-client stays away too.
    if (this.#backoff && reason !== 'server disconnect') this.#comeBack(this.#backoff, Date.now(), 0);
  }

  #comeBack(backoff: BackoffOptions, since: number, attempt: number): void {
    this.#retry = setTimeout(
      () => {
        this.connect().then(
          () => {
            if (!this.#closed) this.onReconnect({ gapMs: Date.now() - since, attempts: attempt + 1 });
          },
          () => {
            if (!this.#closed) this.#comeBack(backoff, since, attempt + 1);
          },
        );
      },
      backoffMs(attempt, backoff),
    );
  }
}
