import { connect } from 'node:net';
import type { BusSnapshot } from '../metrics/bus-metrics';
import type { BusCounters } from './counters';
import type { Port } from './transport/port';
import { SocketPort } from './transport/socket-port';

/** How a process gets a port to its hub, again after the port was lost. */
export interface Connector {
  /** Whether `connect` gives the port at once (the hub is in this process). */
  connectNow?(): Port;
  /** Whether nobody but this process can ever be reached. */
  readonly isAlone?: boolean;
  connect(): Promise<Port>;
  /** What the hub tells of itself, where it is in this process: its local tier is the other end of ours. */
  hubSnapshot?(): Pick<BusSnapshot, 'hub' | 'link'> | undefined;
  /** Frees what the connector holds, a hub of its own included. */
  close(): Promise<void>;
}

/** Connects to a hub that listens on a local socket. */
export class LocalSocketConnector implements Connector {
  constructor(
    private readonly path: string,
    private readonly counters: BusCounters,
  ) {}

  connect(): Promise<Port> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.path);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.removeListener('error', reject);
        resolve(new SocketPort(socket, this.counters));
      });
    });
  }

  async close(): Promise<void> {}
}
