import type { Socket } from 'socket.io';
import type { ConnectedSocket } from '../connection/connected-socket';
import { SocketsParseError } from '../errors';
import type { HookRuntime } from '../runtime';
import { followSessionCookie } from '../session/handshake-session';
import { afterJoins } from './join-guarantee';
import { type Acknowledge, parseMessage, type RequestMessage, splitArguments } from './message';
import { VirtualRequest } from './virtual-request';
import { type FinishedResponse, VirtualResponse } from './virtual-response';

/** A JSON websocket response: what a client's callback gets. */
interface Jwr {
  body: unknown;
  headers?: Record<string, unknown>;
  statusCode?: number;
}

/** Takes a client's message and routes it through core's router as a virtual request. Never throws. */
export function receiveRequest(
  runtime: HookRuntime,
  connected: ConnectedSocket,
  method: string,
  args: unknown[],
): void {
  const { message, acknowledge, rest } = splitArguments(args);
  let parsed: RequestMessage;
  try {
    parsed = parseMessage(connected.facts, message, rest);
  } catch (error) {
    respondWithParseError(runtime, connected.socket, acknowledge, error);
    return;
  }
  const request = new OpenRequest(runtime, connected, acknowledge);
  if (runtime.lowering || runtime.app._exiting) {
    runtime.counters.refusedWhileLowering += 1;
    request.respond({
      statusCode: 503,
      headers: { 'retry-after': '1' },
      body: { code: 'E_LOWERING', message: 'The server is shutting down: try again.' },
    });
    return;
  }
  const place = runtime.requestLimit.admit(connected);
  if (place === undefined) {
    request.respond({
      statusCode: 429,
      headers: { 'retry-after': '1' },
      body: { code: 'E_TOO_MANY_REQUESTS', message: 'This socket has too many requests in flight: wait for answers.' },
    });
    return;
  }
  runtime.counters.requests += 1;
  request.route(method, parsed, place);
}

/** A virtual request on its way, until it is answered. */
class OpenRequest {
  readonly #joinsBefore: number;
  readonly #begun = performance.now();
  #method = '';
  #request: VirtualRequest | undefined;
  #place = 0;
  #open = false;
  #answered = false;

  constructor(
    private readonly runtime: HookRuntime,
    private readonly connected: ConnectedSocket,
    private readonly acknowledge: Acknowledge | undefined,
  ) {
    this.#joinsBefore = runtime.orders.latest;
  }

  route(method: string, message: RequestMessage, place: number): void {
    const { runtime, connected } = this;
    const { app } = runtime;
    this.#open = true;
    this.#method = method;
    this.#place = place;
    connected.openRequests += 1;
    runtime.requests.begin();
    const request = new VirtualRequest(app, connected.facts, connected.socket, method, message);
    const response = new VirtualResponse(request, (finished) => this.#answer(finished));
    request.res = response;
    this.#request = request;
    try {
      runtime.router.route(request, response);
    } catch (error) {
      app.log.error(`Routing a virtual request (${method} ${message.url.slice(0, 200)}) failed:`, error);
      this.respond({ statusCode: 500, headers: {}, body: 'Internal Server Error' });
    }
  }

  #answer({ body, headers, statusCode }: FinishedResponse): void {
    const { app } = this.runtime;
    for (const name of Object.keys(headers)) {
      // The cookie stays on this side: scripts of the client must not see it.
      if (name.toLowerCase() !== 'set-cookie') continue;
      if (app.session) followSessionCookie(app, this.connected.socket.handshake, headers[name]);
      delete headers[name];
    }
    this.respond({ body, headers, statusCode });
  }

  /** Sends the response once the joins that the request made are effective. */
  respond(response: Required<Jwr>): void {
    if (this.#answered) return;
    this.#answered = true;
    const { sockets } = this.runtime.app.config;
    const jwr: Jwr = { body: response.body };
    if (sockets.sendResponseHeaders) jwr.headers = response.headers;
    if (sockets.sendStatusCode) jwr.statusCode = response.statusCode;
    afterJoins(this.runtime, this.connected.socket, this.#joinsBefore, () => {
      this.#send(jwr);
      this.#measure(response.statusCode);
      this.#end();
    });
  }

  /** Requests that were refused unrouted are counted elsewhere. */
  #measure(statusCode: number): void {
    if (this.#method === '') return;
    const seconds = (performance.now() - this.#begun) / 1_000;
    this.runtime.metrics.requestAnswered(this.#method, this.#request?.route?.path, statusCode, seconds);
  }

  /** A socket that has gone has ended its requests already. */
  #end(): void {
    if (!this.#open || this.connected.openRequests === 0) return;
    this.#open = false;
    this.connected.openRequests -= 1;
    this.connected.places.free(this.#place);
    this.runtime.requests.end();
  }

  #send(jwr: Jwr): void {
    if (!this.acknowledge) return;
    try {
      this.acknowledge(jwr);
    } catch (error) {
      // Encoding the body has failed: it is cyclic, or holds what JSON does not know.
      this.runtime.app.log.error(`A virtual response can not be sent: ${error}`);
      const body = { code: 'E_UNSENDABLE_RESPONSE', message: 'The response body can not be encoded.' };
      this.acknowledge({ body, headers: {}, statusCode: 500 });
    }
  }
}

function respondWithParseError(
  runtime: HookRuntime,
  socket: Socket,
  acknowledge: Acknowledge | undefined,
  error: unknown,
): void {
  runtime.counters.parseErrors += 1;
  const parseError =
    error instanceof SocketsParseError ? error : new SocketsParseError('The message could not be read.');
  const { code, name, status, message, details } = parseError;
  runtime.app.log.warn(`${message} ${details}`);
  const report = { code, name, status, message, details };
  // The fields of sails-hook-sockets, and those by which sails.io.js sees that it is an error.
  if (acknowledge) acknowledge({ ...report, body: report, headers: {}, statusCode: status });
  else socket.emit('sails:parseError', report);
}
