import { Agent } from 'node:http';
import { connect, type Socket } from 'node:net';

/** Makes each connection to the next of some local ports, from an address that no pod has. */
export class ScatteringAgent extends Agent {
  #turn = 0;

  constructor(
    private readonly ports: number[],
    private readonly localAddress = '127.0.0.2',
  ) {
    super({ keepAlive: false });
  }

  override createConnection(): Socket {
    const port = this.ports[this.#turn++ % this.ports.length] as number;
    return connect({ port, host: '127.0.0.1', localAddress: this.localAddress, noDelay: true });
  }
}
