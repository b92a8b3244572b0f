import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';

/** Milliseconds that an idle keep-alive connection is given at the end: a request that is on its way still gets its answer. */
const IDLE_PATIENCE_MS = 500;
const LOOK_EVERY_MS = 20;

/** The HTTP requests of a worker that are not answered yet, and the connections that wait for the next one. */
export class OpenRequests {
  readonly #open = new Set<ServerResponse>();
  readonly #connections = new Set<Socket>();
  #draining = false;

  constructor(server: Server) {
    const connections = this.#connections;
    // One listener for all: each of its own would stay for as long as a websocket does.
    function forget(this: Socket): void {
      connections.delete(this);
    }
    const opened = server instanceof TlsServer ? 'secureConnection' : 'connection';
    server.on(opened, (socket: Socket) => {
      connections.add(socket);
      socket.on('close', forget);
    });
    server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
      this.#open.add(response);
      if (this.#draining) response.shouldKeepAlive = false;
      response.once('close', () => this.#open.delete(response));
    });
    server.prependListener('upgrade', (_request: IncomingMessage, socket: Socket) => {
      connections.delete(socket);
      socket.off('close', forget);
    });
  }

  /** From now on each answer is the last one on its connection. */
  drain(): void {
    this.#draining = true;
    for (const response of this.#open) response.shouldKeepAlive = false;
  }

  /** Settles when everything is answered and idle connections had their time, or after this many milliseconds. */
  async idleWithin(limitMs: number): Promise<void> {
    const begun = performance.now();
    for (;;) {
      const elapsedMs = performance.now() - begun;
      if (elapsedMs >= limitMs) return;
      if (this.#open.size === 0 && (this.#connections.size === 0 || elapsedMs >= IDLE_PATIENCE_MS)) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}
