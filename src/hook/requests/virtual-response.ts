import { STATUS_CODES } from 'node:http';
import { Transform, Writable } from 'node:stream';
import { inspect } from 'node:util';
import { isBuilt, LazyTransform, STREAM_BUILT } from './lazy-transform';
import type { VirtualRequest } from './virtual-request';

type Headers = Record<string, unknown>;

/** What a virtual response came to. */
export interface FinishedResponse {
  body: unknown;
  headers: Headers;
  statusCode: number;
}

/**
 * The `res` of a virtual request. It has the members that core's own has (lib/router/res.js of Sails 1.5, after mock-res),
 * made the same way: functions that work without `this`. What an action sends is handed on as a value; the stream behind
 * it is only built for whoever writes or pipes. Where core's has no default, as for `statusCode`, it is that of HTTP.
 */
export class VirtualResponse extends LazyTransform {
  readonly req: VirtualRequest;
  locals: Record<string, unknown>;
  headers: Headers = {};
  /** What `setHeader()` has set, by lower-case name. */
  _headers: Headers = {};
  statusMessage = '';
  charset: string | undefined;
  body: unknown;
  headersSent = false;
  /** `end()` was called. */
  finished = false;
  _virtualResponseStarted = false;
  /** Runs once when the response ends; it is sent when the returned promise settles. */
  beforeEnd: (() => Promise<void> | undefined) | undefined;

  #statusCode: number | undefined;
  #isEnding = false;
  #chunks: Buffer[] | undefined;
  readonly #finish: (response: FinishedResponse) => void;

  constructor(request: VirtualRequest, finish: (response: FinishedResponse) => void) {
    super();
    this.req = request;
    this.#finish = finish;
    this.locals = localsOf(request);
  }

  get statusCode(): number {
    return this.#statusCode ?? 200;
  }

  set statusCode(code: number) {
    this.#statusCode = code;
  }

  readonly setHeader = (name: string, value: unknown): this => {
    this._headers[name.toLowerCase()] = value;
    return this;
  };

  getHeader(name: string): unknown {
    const lower = name.toLowerCase();
    return this._headers[lower] ?? valueUnder(this.headers, lower);
  }

  hasHeader(name: string): boolean {
    return this.getHeader(name) !== undefined;
  }

  getHeaders(): Headers {
    const all: Headers = {};
    for (const [name, value] of Object.entries(this.headers)) all[name.toLowerCase()] = value;
    return Object.assign(all, this._headers);
  }

  getHeaderNames(): string[] {
    return Object.keys(this.getHeaders());
  }

  removeHeader(name: string): void {
    const lower = name.toLowerCase();
    delete this._headers[lower];
    for (const given of Object.keys(this.headers)) if (given.toLowerCase() === lower) delete this.headers[given];
  }

  /** Sets a header, or those of an object. Names reach the client as they are written here. */
  readonly set = (name: string | Headers, value?: unknown): this => {
    if (typeof name === 'string') this.headers[name] = value;
    else Object.assign(this.headers, name);
    return this;
  };

  readonly get = (name: string): unknown => this.headers[name] ?? this.getHeader(name);

  readonly header = (name: string | Headers, value?: unknown): unknown =>
    typeof name === 'string' && value === undefined ? this.get(name) : this.set(name, value);

  readonly writeHead = (statusCode: number, reason?: unknown, headers?: unknown): this => {
    const code = Number(statusCode);
    if (!code) throw new Error('`statusCode` must be passed to res.writeHead().');
    const given = isObject(headers) ? headers : reason;
    this.#statusCode = code;
    this.statusMessage = typeof reason === 'string' ? reason : (STATUS_CODES[code] ?? 'unknown');
    Object.assign(this.headers, this._headers);
    if (isObject(given)) Object.assign(this.headers, given);
    else if (given && given !== reason) {
      throw new Error(`\`headers\` must be passed to res.writeHead() as an object. Got: ${inspect(given)}`);
    }
    this.headersSent = true;
    return this;
  };

  readonly status = (statusCode: number): this => {
    this.#statusCode = statusCode;
    return this;
  };

  readonly sendStatus = (statusCode: number): unknown => {
    this.#statusCode = statusCode;
    return this.send(STATUS_CODES[statusCode] ?? String(statusCode));
  };

  readonly send = (data?: unknown, ...more: unknown[]): unknown => {
    refuseSecondArgument('send', more);
    if (this._virtualResponseStarted) {
      this.req._sails.log.error(new Error('Cannot write to response more than once'));
      return undefined;
    }
    this._virtualResponseStarted = true;
    this.charset ??= 'utf-8';
    if (data !== undefined) this.body = data;
    this.end();
    return undefined;
  };

  readonly json = (data?: unknown, ...more: unknown[]): unknown => {
    refuseSecondArgument('json', more);
    if (typeof data !== 'string') return this.send(data);
    this.set('content-type', 'application/json');
    return this.send(JSON.stringify(data));
  };

  readonly redirect = (address: string, ...more: unknown[]): unknown => {
    refuseSecondArgument('redirect', more);
    this.set('content-type', 'text/html');
    this.set('Location', address);
    this.#statusCode ??= 302;
    return this.send(`Redirecting to ${encodeURI(address)}`);
  };

  /** Core has no views for virtual requests. */
  readonly render = (_view?: unknown, locals?: unknown, callback?: unknown): unknown => {
    const done = typeof locals === 'function' ? locals : callback;
    this.set('content-type', 'text/html');
    const error = Object.assign(new Error('Not implemented in core yet'), { statusCode: 501 });
    if (typeof done === 'function') return done(error);
    this.req._sails.log.error('res.render() failed: ', error);
    return this.status(501).send(process.env.NODE_ENV === 'production' ? error.message : undefined);
  };

  readonly write = (...args: unknown[]): boolean => {
    if (!this.headersSent) this.writeHead(this.statusCode);
    return Transform.prototype.write.apply(this as unknown as Transform, args as Parameters<Transform['write']>);
  };

  readonly end = (...args: unknown[]): this => {
    if (this.#isEnding) return this;
    this.#isEnding = true;
    const work = this.beforeEnd?.();
    if (!work) this.#end(args);
    else
      work.then(
        () => this.#end(args),
        () => this.#end([]),
      );
    return this;
  };

  /** Takes what was sent back and puts an error in its place. */
  replaceBy(statusCode: number, body: unknown): void {
    this.#statusCode = statusCode;
    this.#chunks = undefined;
    this.body = body;
  }

  #end(args: unknown[]): void {
    if (!this.headersSent) this.writeHead(this.statusCode);
    const [chunk] = args;
    const hasBytes = chunk !== undefined && chunk !== null && typeof chunk !== 'function';
    if (hasBytes || isBuilt(this)) {
      // Looking at it builds the stream, where there is none yet.
      void this._writableState;
      this.finished = true;
      Transform.prototype.end.apply(this as unknown as Transform, args as Parameters<Transform['end']>);
      return;
    }
    this.finished = true;
    if (typeof chunk === 'function') this.once('finish', chunk as () => void);
    // Not in this tick: what an action does right after it has answered still belongs to the request.
    process.nextTick(finishWithoutStream, this);
  }

  /** Ends without a stream; its listeners hear what a stream says. */
  finishWithoutStream(): void {
    if (this.eventNames().length > 0) for (const event of ['prefinish', 'finish', 'end', 'close']) this.emit(event);
    this.#answer();
  }

  #answer(): void {
    const streamed = this.#chunks && this.#chunks.length > 0 ? Buffer.concat(this.#chunks).toString('utf8') : undefined;
    Object.assign(this.headers, this._headers);
    this.#finish({ body: this.body ?? streamed, headers: this.headers, statusCode: this.statusCode });
  }

  _transform(chunk: unknown, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.push(chunk);
    done();
  }

  declare readonly _writableState: { ended: boolean; ending: boolean; finished: boolean };
  declare readonly _readableState: { ended: boolean; endEmitted: boolean };

  [STREAM_BUILT](): void {
    if (this.finished) {
      Object.assign(this._writableState, { ending: true, ended: true, finished: true });
      Object.assign(this._readableState, { ended: true, endEmitted: true });
      return;
    }
    const chunks: Buffer[] = [];
    this.#chunks = chunks;
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk);
        done();
      },
    });
    sink.on('finish', () => this.#answer());
    sink.on('error', (error) => {
      this.replaceBy(500, error);
      this.#answer();
    });
    this.pipe(sink);
  }
}

function finishWithoutStream(response: VirtualResponse): void {
  response.finishWithoutStream();
}

const REQUEST = Symbol('request');

interface Locals extends Record<string, unknown> {
  readonly [REQUEST]: VirtualRequest;
}

/**
 * Where core's request hook puts the session: it is only opened for who looks at it. All locals share these functions: V8
 * gives an object with accessors of its own a hidden class of its own, which is an old object from the start, and keeps what
 * they refer to, the whole request, until the next full collection.
 */
const LAZY_SESSION: PropertyDescriptor & ThisType<Locals> = {
  get() {
    return this[REQUEST].session;
  },
  set(value: unknown) {
    // Core sets what it has just read from the request.
    if (this[REQUEST].isSessionHidden) return;
    Object.defineProperty(this, 'session', { value, writable: true, enumerable: true, configurable: true });
  },
  enumerable: true,
  configurable: true,
};

function localsOf(request: VirtualRequest): Record<string, unknown> {
  const locals = Object.defineProperty({}, REQUEST, { value: request });
  return Object.defineProperty(locals, 'session', LAZY_SESSION);
}

function refuseSecondArgument(method: string, more: unknown[]): void {
  if (more.length === 0 || more[0] === undefined) return;
  throw new Error(
    `The 2-ary usage of \`res.${method}()\` is not supported. Please use \`res.status(statusCode).${method}(…)\` instead.`,
  );
}

function valueUnder(headers: Headers, lowerName: string): unknown {
  for (const name in headers) if (name.toLowerCase() === lowerName) return headers[name];
  return undefined;
}

function isObject(value: unknown): value is Headers {
  return typeof value === 'object' && value !== null;
}
