/** A virtual response, as sails.io.js hands it to callbacks. */
export interface Jwr {
  body: unknown;
  headers: Record<string, string>;
  /** 0 when the connection ended before the answer came. */
  statusCode: number;
  /** Present where the status code is below 200, or 400 and above. */
  error?: Error;
}

/** Hears the answer of a virtual request. When the connection ended before it came, `body` is an `Error` and `statusCode` is 0. */
// biome-ignore lint/suspicious/noExplicitAny: the shape of a body is the app's own
export type RequestCallback = (body: any, jwr: Jwr) => void;

/** What `socket.request()` takes. */
export interface RequestOptions {
  /** Such as `/user/3`. */
  url: string;
  /** Default `get`. */
  method?: string;
  params?: object;
  /** The same as `params`. */
  data?: object;
  headers?: Record<string, string>;
}

/** Settings of one connection; those of {@link SailsSettings} are the defaults. */
export interface ConnectionSettings {
  url?: string;
  path?: string;
  /** Such as `a=1&b=2`. */
  query?: string;
  transports?: ('polling' | 'websocket')[];
  /** Headers of every virtual request. */
  headers?: Record<string, string>;
  /** Headers of the handshake; in browsers only for the transport `polling`. */
  initialConnectionHeaders?: Record<string, string>;
  useCORSRouteToGetCookie?: boolean | string;
  multiplex?: boolean;
  /** Whether the client comes back by itself after its connection was lost. Default true (sails.io.js: false). */
  reconnection?: boolean;
  reconnectionAttempts?: number;
  /** The mean wait before the first attempt, in milliseconds; it doubles with each. Default 200. */
  reconnectionDelay?: number;
  /** The longest wait, in milliseconds. Default 5000. */
  reconnectionDelayMax?: number;
  /** How much of the wait is left to chance, 0 to 1. Default 1. */
  randomizationFactor?: number;
  /** How long an attempt may take, in milliseconds. Default 20000. */
  timeout?: number;
  /** Node only: whether a certificate must be valid. */
  rejectUnauthorized?: boolean;
}

/** `io.sails`. */
export interface SailsSettings extends ConnectionSettings {
  /** Whether `io.socket` connects by itself in the next tick. Default true. */
  autoConnect: boolean;
  /** `production` silences the console. */
  environment: string;
  sdk: { version: string; platform: string; language: string; versionString: string };
  /**
   * Methods whose requests are sent again, up to three times, when the connection ends before their answer came; the others
   * fail with `statusCode` 0. Only for what may safely be done twice, such as `['get']`. Default none.
   */
  retryRequests: string[];
  connect(url?: string, settings?: ConnectionSettings): SailsSocket;
  connect(settings?: ConnectionSettings): SailsSocket;
}

// biome-ignore lint/suspicious/noExplicitAny: the arguments of an event are the app's own
type Listener = (...args: any[]) => void;

/** A connection to a Sails app. */
export interface SailsSocket extends ConnectionSettings {
  /**
   * Whether the connection took up where the last one ended: same id, same rooms, and nothing that was sent meanwhile is
   * missing. False after the first connect, and when the server could not fill the gap: fetch your state anew then.
   */
  readonly recovered: boolean;
  get(url: string, callback?: RequestCallback): void;
  get(url: string, data: object, callback?: RequestCallback): void;
  post(url: string, callback?: RequestCallback): void;
  post(url: string, data: object, callback?: RequestCallback): void;
  put(url: string, callback?: RequestCallback): void;
  put(url: string, data: object, callback?: RequestCallback): void;
  patch(url: string, callback?: RequestCallback): void;
  patch(url: string, data: object, callback?: RequestCallback): void;
  delete(url: string, callback?: RequestCallback): void;
  delete(url: string, data: object, callback?: RequestCallback): void;
  request(options: RequestOptions, callback?: RequestCallback): void;
  /** Besides the app's own: `connect`, `disconnect`, `reconnecting`, `reconnect`, `connect_error`, and `recovered`. */
  on(event: string, listener: Listener): this;
  off(event: string, listener: Listener): this;
  removeAllListeners(): this;
  reconnect(): void;
  disconnect(): void;
  isConnected(): boolean;
  isConnecting(): boolean;
}

/** Socket.IO's client with what sails.io.js adds to it. */
export interface SailsIo {
  sails: SailsSettings;
  /** Connects by itself; undefined where `io.sails.autoConnect` is false. */
  socket: SailsSocket;
}
