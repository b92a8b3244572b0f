import WsSocket from 'ws';
import { BUILT_IN_METRICS, type MetricDefinition } from '../metric-kinds';
import type { Tags } from '../tag-filter';
import type { VirtualUser } from '../virtual-user';
import { CookieJar } from './cookie-jar';
import { stringTags } from './metrics';

interface Params {
  headers?: Record<string, string>;
  jar?: CookieJar;
  tags?: Record<string, unknown>;
  compression?: string;
}

type EventName = 'open' | 'message' | 'error' | 'close' | 'ping' | 'pong';
type Listener = (event: Record<string, unknown>) => void;

const built = (wanted: string) => BUILT_IN_METRICS.find(({ name }) => name === wanted) as MetricDefinition;
const METRICS = {
  connecting: built('ws_connecting'),
  sessions: built('ws_sessions'),
  duration: built('ws_session_duration'),
  sent: built('ws_msgs_sent'),
  received: built('ws_msgs_received'),
  bytesSent: built('data_sent'),
  bytesReceived: built('data_received'),
};

/** After which a socket whose peer does not answer the close frame is ended. */
const CLOSE_TIMEOUT_MS = 2000;

/** `k6/websockets`, on ws. `binaryType` is `arraybuffer`: this runner has no `Blob`. */
export function websocketsModule(vu: VirtualUser) {
  class WebSocket {
    static readonly CONNECTING = 0;
    static readonly OPEN = 1;
    static readonly CLOSING = 2;
    static readonly CLOSED = 3;

    readonly url: string;
    binaryType = 'arraybuffer';
    onopen: Listener | undefined;
    onmessage: Listener | undefined;
    onerror: Listener | undefined;
    onclose: Listener | undefined;
    onping: Listener | undefined;
    onpong: Listener | undefined;
    readonly #socket: WsSocket;
    readonly #listeners = new Map<EventName, Listener[]>();
    readonly #tags: Tags;

    constructor(url: string, protocols?: string | string[] | null, params?: Params | null) {
      this.url = url;
      this.#tags = { url: url.split('?')[0] as string, ...(params?.tags && stringTags(params.tags)) };
      const headers: Record<string, string> = { 'User-Agent': 'flotilla-loadtest', ...params?.headers };
      const cookies = (params?.jar ?? new CookieJar(vu.jar)).jar.getCookieStringSync(url.replace(/^ws/, 'http'));
      if (cookies) headers.Cookie = headers.Cookie ? `${headers.Cookie}; ${cookies}` : cookies;

      const begun = performance.now();
      let openedAt = 0;
      const socket = new WsSocket(url, protocols ?? [], {
        headers,
        perMessageDeflate: params?.compression === 'deflate',
        maxPayload: 0,
      });
      socket.binaryType = 'arraybuffer';
      this.#socket = socket;
      vu.driver.socketOpened();
      let closeTimer: NodeJS.Timeout | undefined;
      const over = vu.work.begin(() => {
        socket.close();
        closeTimer ??= setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS);
      });
      vu.sample(METRICS.sessions, 1, this.#tags);

      socket.on('open', () => {
        openedAt = performance.now();
        vu.sample(METRICS.connecting, openedAt - begun, this.#tags);
        this.#dispatch('open', {});
      });
      socket.on('message', (data, isBinary) => {
        // ws hands out text as a Buffer, whatever the binary type.
        const bytes = data as ArrayBuffer | Buffer;
        vu.sample(METRICS.received, 1, this.#tags);
        vu.sample(METRICS.bytesReceived, bytes.byteLength);
        this.#dispatch('message', { data: isBinary ? bytes : (bytes as Buffer).toString('utf8') });
      });
      socket.on('ping', () => this.#dispatch('ping', {}));
      socket.on('pong', () => this.#dispatch('pong', {}));
      socket.on('error', (error) => this.#dispatch('error', { error: error.message }));
      socket.on('close', (code, reason) => {
        clearTimeout(closeTimer);
        vu.driver.socketClosed();
        if (openedAt > 0) vu.sample(METRICS.duration, performance.now() - openedAt, this.#tags);
        this.#dispatch('close', { code, reason: reason.toString() });
        over();
      });
    }

    get readyState(): number {
      return this.#socket.readyState;
    }

    get bufferedAmount(): number {
      return this.#socket.bufferedAmount;
    }

    send(data: string | ArrayBuffer | ArrayBufferView): void {
      vu.sample(METRICS.sent, 1, this.#tags);
      vu.sample(METRICS.bytesSent, typeof data === 'string' ? data.length : data.byteLength);
      this.#socket.send(data as string | ArrayBuffer);
    }

    close(code?: number, reason?: string): void {
      this.#socket.close(code, reason);
    }

    ping(): void {
      this.#socket.ping();
    }

    addEventListener(event: EventName, listener: Listener): void {
      const listeners = this.#listeners.get(event) ?? [];
      listeners.push(listener);
      this.#listeners.set(event, listeners);
    }

    #dispatch(type: EventName, detail: Record<string, unknown>): void {
      const event = { type, timestamp: Date.now(), ...detail };
      const own = this[`on${type}`];
      if (own) vu.callback(() => own(event));
      for (const listener of this.#listeners.get(type) ?? []) vu.callback(() => listener(event));
    }
  }

  return { WebSocket };
}
