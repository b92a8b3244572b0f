import type { Socket } from 'node:net';
import { type RawHandle, socketOver } from '../raw-handle';
import { overUpgradeResponse, websocketKeyIn } from './over-upgrade';

/** How long a client may take to send its request, or to take our answer. */
const PATIENCE_MS = 2_000;
const MOST_AT_ONCE = 4_000;
/** How long a stop waits for answers under way. */
const LAST_WORDS_MS = 500;
const LOOK_EVERY_MS = 20;

/**
 * Answers connections that get no worker, in the primary: `503` or `429` with `Retry-After` as soon as a request comes.
 * At most four thousand at once; more are closed without an answer.
 */
export class Refusals {
  readonly #sockets = new Set<Socket>();

  /** @param tls whether clients speak TLS: then there is nothing to say to them without the app's key */
  constructor(private readonly tls: boolean) {}

  /** @param wasRead whether (a part of) the request was read already */
  unavailable(handle: RawHandle, wasRead = false): void {
    const body = 'No worker of this app is ready to answer. Try again in a moment.\n';
    this.#answer(handle, response('503 Service Unavailable', body, ['Retry-After: 1']), !wasRead);
  }

  /** Every worker has as many connections as it may. */
  full(handle: RawHandle, wasRead = false): void {
    const body = 'This app has as many connections as it can take. Try again in some seconds.\n';
    this.#answer(handle, response('503 Service Unavailable', body, ['Retry-After: 5']), !wasRead);
  }

  /** Its address has as many connections as it may. */
  tooMany(handle: RawHandle, wasRead = false): void {
    const body = 'Your address has too many connections to this app. Close some and try again.\n';
    this.#answer(handle, response('429 Too Many Requests', body, ['Retry-After: 5']), !wasRead);
  }

  /**
   * The session of this upgrade is over.
   * @param head what was read of it
   */
  sessionOver(handle: RawHandle, head: Uint8Array): void {
    this.#answer(handle, overUpgradeResponse(websocketKeyIn(head)), false);
  }

  /** Settles when those under way have their answer, or after a moment. */
  async close(): Promise<void> {
    const begun = performance.now();
    while (this.#sockets.size > 0 && performance.now() - begun < LAST_WORDS_MS) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    for (const socket of this.#sockets) socket.destroy();
  }

  #answer(handle: RawHandle, answer: string | Buffer, afterRequest: boolean): void {
    if (this.tls || this.#sockets.size >= MOST_AT_ONCE) {
      handle.close();
      return;
    }
    const socket = socketOver(handle);
    this.#sockets.add(socket);
    const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
    });
    socket.on('end', () => socket.end());
    if (afterRequest) socket.once('data', () => socket.end(answer));
    else socket.end(answer);
    // what still comes is read and dropped: closing with unread bytes would reset the connection before the client has read
    socket.resume();
  }
}

function response(status: string, body: string, headers: string[]): string {
  return [
    `HTTP/1.1 ${status}`,
    'Connection: close',
    'Content-Type: text/plain',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
    '',
    body,
  ].join('\r\n');
}
