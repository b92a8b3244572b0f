import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { answerWithClosePacket } from './close-packet';
import { endToEndHeaders, type RawHeaders } from './http-head';
import { formatPeer, PEER_HEADER, peerOf } from './peer-header';

/** Idle connections to one other worker that are kept. */
const MOST_IDLE = 64;

/** Passes polling requests on to the worker that has their session, over its local socket, as streams. */
export class PollRelay {
  // the owner never closes an idle connection, so none is reused at the moment it ends
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: MOST_IDLE });

  /** @param socketPathOf where the worker with a tag takes requests of other workers */
  constructor(private readonly socketPathOf: (tag: string) => string) {}

  pass(request: IncomingMessage, response: ServerResponse, owner: string): void {
    const outgoing = httpRequest({
      socketPath: this.socketPathOf(owner),
      agent: this.#agent,
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
    outgoing.on('error', () => {
      if (!response.headersSent) answerWithClosePacket(request, response);
    });
    response.on('close', () => {
      if (!response.writableFinished) outgoing.destroy();
    });
    // not `pipeline`: an owner that answers before it has read everything ends `outgoing` and must not end the client
    request.on('aborted', () => outgoing.destroy());
    request.pipe(outgoing);
  }

  close(): void {
    this.#agent.destroy();
  }
}

function requestHeaders(request: IncomingMessage): RawHeaders {
  // `Expect: 100-continue` was answered by this worker's server already
  const headers = endToEndHeaders(request, 'expect', PEER_HEADER);
  headers.push(PEER_HEADER, formatPeer(peerOf(request.socket)), 'Connection', 'keep-alive');
  if (request.headers['transfer-encoding'] !== undefined) headers.push('Transfer-Encoding', 'chunked');
  return headers;
}
