import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import type { Owner } from '../../../bus/ids';
import { DialError } from '../../peer/dial-peer';
import { answerWithClosePacket } from './close-packet';
import { endToEndHeaders, type RawHeaders } from './http-head';
import { OwnerAgent } from './owner-agent';
import { isRefusal, type OwnerConnector } from './owner-connector';
import { formatPeer, PEER_HEADER, peerOf } from './peer-header';

/** How long clients may take to hear that their sessions are lost. */
const LAST_WORDS_MS = 500;
const LOOK_EVERY_MS = 20;

/** Passes polling requests on to the worker that has their session, as streams. */
export class PollRelay {
  readonly #agents = new Map<string, OwnerAgent>();
  /** Those that are not answered yet, and what gives them an answer where their owner does not. */
  readonly #waiting = new Map<ServerResponse, (error: Error) => void>();
  #isEnding = false;

  constructor(private readonly connector: OwnerConnector) {}

  pass(request: IncomingMessage, response: ServerResponse, owner: Owner): void {
    if (this.#isEnding) response.shouldKeepAlive = false;
    const outgoing = httpRequest({
      agent: this.#agentFor(owner),
      method: request.method,
      path: request.url,
      // an array is sent as it is; typed since Node 22 only
      headers: requestHeaders(request) as never,
    });
    outgoing.on('response', (incoming) => {
      const { statusCode = 502, statusMessage = '' } = incoming;
      response.writeHead(statusCode, statusMessage, endToEndHeaders(incoming));
      // an owner that ends half way ends the client's connection half way: the client must not take it for a whole answer
      pipeline(incoming, response, () => {});
    });
    const fail = (error: Error) => {
      const isRefused = isRefusal(error);
      if (!isRefused) this.#forgetIfUnused(owner);
      if (response.headersSent) return;
      if (isRefused) answerBadGateway(request, response);
      // a client takes any 200 for the word that its messages have arrived, and reads the body of polls only
      else if (request.method !== 'GET' && (this.#isEnding || isSilence(error))) answerUnavailable(request, response);
      else answerWithClosePacket(request, response);
    };
    outgoing.on('error', fail);
    this.#waiting.set(response, fail);
    response.on('close', () => {
      this.#waiting.delete(response);
      if (!response.writableFinished) outgoing.destroy();
    });
    // not `pipeline`: an owner that answers before it has read everything ends `outgoing` and must not end the client
    request.on('aborted', () => outgoing.destroy());
    request.pipe(outgoing);
  }

  /** The workers of a pod are gone: whoever still waits for one of them is answered. */
  podLeft(podTag: string): void {
    for (const [key, agent] of this.#agents) {
      if (!key.startsWith(`${podTag}/`)) continue;
      this.#agents.delete(key);
      agent.destroy();
    }
  }

  /**
   * From now on each answer is the last one on its connection. Settles when all are given; polls that wait for longer than
   * the patience get a close packet, messages a 503: this process is about to end, and must not leave them without an answer.
   */
  async end(patienceMs: number): Promise<void> {
    this.#isEnding = true;
    for (const response of this.#waiting.keys()) response.shouldKeepAlive = false;
    await this.#answeredWithin(patienceMs);
    this.close();
    await this.#answeredWithin(LAST_WORDS_MS);
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    // those that have no connection yet
    for (const fail of this.#waiting.values()) fail(new Error('this worker is about to end'));
  }

  async #answeredWithin(limitMs: number): Promise<void> {
    const begun = performance.now();
    while (this.#waiting.size > 0 && performance.now() - begun < limitMs) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  #agentFor(owner: Owner): OwnerAgent {
    const key = keyOf(owner);
    let agent = this.#agents.get(key);
    if (!agent) {
      agent = new OwnerAgent(() => this.connector.connect(owner));
      this.#agents.set(key, agent);
    }
    return agent;
  }

  #forgetIfUnused(owner: Owner): void {
    const agent = this.#agents.get(keyOf(owner));
    if (agent && Object.keys(agent.sockets).length === 0 && Object.keys(agent.freeSockets).length === 0) {
      this.#agents.delete(keyOf(owner));
    }
  }
}

function keyOf({ pod, worker }: Owner): string {
  return `${pod}/${worker}`;
}

/** Whether the owner may live, and the session with it. */
function isSilence(error: Error): boolean {
  return error instanceof DialError && error.failure === 'silent';
}

/** Nobody knows whether the messages have arrived: the client ends its connection, and reports what it has no answer for. */
function answerUnavailable(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.writeHead(503, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store', 'Retry-After': '1' });
  response.end('The worker that has this session did not answer in time.\n');
}

/** The owner lives and will not have us: no reason to end its session. */
function answerBadGateway(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.writeHead(502, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store' });
  response.end('The pod that has this session refuses this one: their secrets or certificates differ.\n');
}

function requestHeaders(request: IncomingMessage): RawHeaders {
  // `Expect: 100-continue` was answered by this worker's server already
  const headers = endToEndHeaders(request, 'expect', PEER_HEADER);
  headers.push(PEER_HEADER, formatPeer(peerOf(request.socket)), 'Connection', 'keep-alive');
  if (request.headers['transfer-encoding'] !== undefined) headers.push('Transfer-Encoding', 'chunked');
  return headers;
}
