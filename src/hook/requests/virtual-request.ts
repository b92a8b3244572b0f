import { parse as parseQuery } from 'node:querystring';
import type { Transform } from 'node:stream';
import type { Session, SessionData, Store } from 'express-session';
import type { Socket } from 'socket.io';
import type { SailsApp } from '../../types/sails';
import { LazyTransform, STREAM_BUILT } from './lazy-transform';
import type { RequestMessage } from './message';
import type { SocketFacts } from './socket-facts';
import type { VirtualResponse } from './virtual-response';

type Dictionary = Record<string, unknown>;

/** A session as express-session makes it. */
export type OpenSession = Session & SessionData;

/** Core answers these without reading a body. */
const WITHOUT_BODY = new Set(['GET', 'HEAD', 'DELETE']);

/**
 * The `req` of a virtual request. It has the members that core's own has (lib/router/req.js of Sails 1.5, after mock-req, and
 * what its middleware adds); the stream behind it is only built for whoever reads or pipes.
 */
export class VirtualRequest extends LazyTransform {
  readonly _sails: SailsApp;
  readonly _startTime = new Date();
  transport = 'socket.io';
  protocol = 'ws';
  isSocket = true;
  wantsJSON = true;
  method: string;
  url: string;
  originalUrl: string;
  path: string;
  baseUrl: string | undefined;
  headers: Record<string, string>;
  query: Dictionary;
  body: unknown;
  params: Dictionary | unknown[] = [];
  options: Dictionary | undefined;
  ip: string;
  ips: string[];
  port: number | null = null;
  socket: Socket;
  res: VirtualResponse | undefined;
  next: unknown;
  route: { path?: unknown } | undefined;
  sessionID: string | undefined;
  sessionStore: Store | undefined;
  /** While it is set, `req.session` can be looked at without opening it. */
  isSessionHidden = false;
  #openSession: (() => void) | undefined;
  readonly #facts: SocketFacts;

  constructor(app: SailsApp, facts: SocketFacts, socket: Socket, method: string, message: RequestMessage) {
    super();
    this._sails = app;
    this.socket = socket;
    this.method = method.toUpperCase();
    this.url = message.url;
    this.originalUrl = message.url;
    this.path = message.path;
    this.headers = headersOf(facts, message.headers);
    this.query = queryOf(message.url);
    this.body = WITHOUT_BODY.has(this.method) && Array.isArray(message.body) ? { ...message.body } : message.body;
    this.ip = facts.ip;
    this.ips = [...facts.ips];
    this.#facts = facts;
  }

  get rawHeaders(): string[] {
    return Object.entries(this.headers).flat();
  }

  /** As Express names it. */
  get connection(): Socket {
    return this.socket;
  }

  get cookies(): Dictionary {
    return keep(this, 'cookies', this.#facts.cookiesOf(this.headers.cookie).cookies);
  }

  set cookies(value: unknown) {
    keep(this, 'cookies', value);
  }

  get signedCookies(): Dictionary {
    return keep(this, 'signedCookies', this.#facts.cookiesOf(this.headers.cookie).signedCookies);
  }

  set signedCookies(value: unknown) {
    keep(this, 'signedCookies', value);
  }

  get secret(): string | undefined {
    return this.#facts.cookiesOf(this.headers.cookie).secret;
  }

  set secret(value: unknown) {
    keep(this, 'secret', value);
  }

  /** The session, opened when somebody first looks at it; from then on a property like any other. */
  get session(): OpenSession | null | undefined {
    const open = this.#openSession;
    if (!open || this.isSessionHidden) return undefined;
    this.#openSession = undefined;
    open();
    return Object.hasOwn(this, 'session') ? this.session : undefined;
  }

  set session(value: OpenSession | null | undefined) {
    this.#openSession = undefined;
    keep(this, 'session', value);
  }

  /** Gives the request a session, which is opened by this function, by setting `session`, when it is needed. */
  offerSession(open: () => void): void {
    this.#openSession = open;
  }

  /** Whether the request has a session that nobody has looked at. */
  get isSessionUntouched(): boolean {
    return this.#openSession !== undefined;
  }

  readonly get = (name: string): string | undefined => {
    const lower = name.toLowerCase();
    if (lower === 'referer' || lower === 'referrer') return this.headers.referrer || this.headers.referer;
    return this.headers[lower];
  };

  readonly header = this.get;

  /** Core's request hook puts the same into its place at every route. */
  param = (name: string, defaultValue?: unknown): unknown => {
    for (const values of [this.params, this.body, this.query]) {
      const value = (values as Dictionary | null | undefined)?.[name];
      if (value !== undefined) return value;
    }
    return defaultValue;
  };

  allParams = (): Dictionary => {
    const all: Dictionary = { ...this.query, ...(this.body as object) };
    for (const [name, value] of Object.entries(this.params)) if (value !== undefined) all[name] = value;
    return all;
  };

  file = (): unknown =>
    this.res?.status(500).send('Streaming file uploads via `req.file()` are only available over HTTP with Skipper.');

  _transform(chunk: unknown, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.push(typeof chunk === 'string' || Buffer.isBuffer(chunk) ? chunk : JSON.stringify(chunk));
    done();
  }

  /** There is nothing to read: the body is in `body`. */
  [STREAM_BUILT](): void {
    (this as unknown as Transform).end();
  }
}

/** What cookie-parser makes of a cookie header. */
export interface CookieValues {
  secret: string | undefined;
  cookies: Dictionary;
  signedCookies: Dictionary;
}

/** Makes a property of the request's own, which code may change and delete. */
function keep<T>(request: VirtualRequest, name: string, value: T): T {
  Object.defineProperty(request, name, { value, writable: true, enumerable: true, configurable: true });
  return value;
}

/** The message's own headers as text, by lower-case name, and those that only the handshake may set. */
function headersOf(facts: SocketFacts, given: Dictionary): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name in given) {
    const value = given[name];
    if (value === undefined) continue;
    if (typeof value === 'string') headers[name.toLowerCase()] = value;
    else setAsText(headers, name, value);
  }
  const { host, cookie, nosession, origin } = facts.fixedHeaders();
  if (host !== undefined) headers.host = host;
  if (cookie !== undefined) headers.cookie = cookie;
  else delete headers.cookie;
  if (nosession !== undefined) headers.nosession = nosession;
  if (origin !== undefined) headers.origin = origin;
  else delete headers.origin;
  return headers;
}

function setAsText(headers: Record<string, string>, name: string, value: unknown): void {
  try {
    headers[name.toLowerCase()] = `${value}`;
  } catch {
    // It has no text form: core drops it, too.
  }
}

function queryOf(url: string): Dictionary {
  const start = url.indexOf('?');
  if (start < 0) return {};
  const end = url.indexOf('#', start);
  return { ...parseQuery(url.slice(start + 1, end < 0 ? undefined : end)) };
}
