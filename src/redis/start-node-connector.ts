import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import type { RedisNode } from './settings';

type Connector = NonNullable<RedisOptions['Connector']>;

/**
 * A connector for one connection to any node of a cluster; each attempt goes to the next start node, from a random one on.
 *
 * Plain publish and subscribe work on every node, and must stay on one: ioredis' cluster client sends each PUBLISH to
 * a node of its own choice, so messages overtake one another, and its subscriber reconnects without a pause while
 * nodes are down.
 */
export function startNodeConnector(nodes: readonly RedisNode[], disconnectTimeoutMs: number): Connector {
  let next = Math.floor(Math.random() * nodes.length);
  return class StartNodeConnector extends AbstractConnector {
    readonly #tls: object | undefined;
    readonly #family: number | undefined;

    constructor(options: unknown) {
      super(disconnectTimeoutMs);
      const { tls, family } = options as { tls?: object; family?: number };
      this.#tls = tls;
      this.#family = family;
    }

    connect(): Promise<Socket | TLSSocket> {
      this.connecting = true;
      const node = nodes[next++ % nodes.length] as RedisNode;
      const address = { host: node.host, port: node.port, family: this.#family ?? 0 };
      const stream = this.#tls
        ? connectTls({ ...address, ...(isIP(node.host) === 0 ? { servername: node.host } : {}), ...this.#tls })
        : connectTcp(address);
      stream.once('error', (error) => {
        this.firstError = error;
      });
      this.stream = stream;
      return Promise.resolve(stream);
    }
  };
}
