import { Writable } from 'node:stream';

/** The response as core leaves it on the stream that it piped into. */
export interface SinkResponse {
  body?: unknown;
  headers?: Record<string, unknown>;
  statusCode?: number;
  /** The pattern of the route that answered, where one did. */
  route?: unknown;
  /** What was written piece by piece (`res.write()`, a piped stream), as text; `undefined` when nothing was. */
  streamed(): string | undefined;
}

/** Takes a virtual response. `res.send()` leaves its body as a value; written bytes are gathered. */
export class ResponseSink extends Writable implements SinkResponse {
  declare body?: unknown;
  declare headers?: Record<string, unknown>;
  declare statusCode?: number;
  /** The request as core's router sees it. */
  request?: { route?: { path?: unknown } };

  get route(): unknown {
    return this.request?.route?.path;
  }

  readonly #chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.#chunks.push(chunk);
    done();
  }

  streamed(): string | undefined {
    return this.#chunks.length > 0 ? Buffer.concat(this.#chunks).toString('utf8') : undefined;
  }
}
