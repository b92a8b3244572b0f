import { freePorts } from './free-port';
import { until } from './redis-process';
import { RedisServer } from './redis-server';

const SLOTS = 16_384;

export interface RedisClusterOptions {
  /** Password of the default user on every node. */
  password?: string;
}

/** A Redis Cluster of three masters without replicas. */
export class RedisCluster {
  private constructor(readonly nodes: RedisServer[]) {}

  static async start(options: RedisClusterOptions = {}): Promise<RedisCluster> {
    const ports = await freePorts(6);
    const nodes = await Promise.all(
      [0, 1, 2].map((index) =>
        RedisServer.start({
          port: ports[index] as number,
          ...(options.password === undefined ? {} : { password: options.password }),
          args: [
            ...[
              '--cluster-enabled',
              'yes',
              '--cluster-port',
              String(ports[index + 3]),
              '--cluster-node-timeout',
              '2000',
            ],
            ...['--cluster-require-full-coverage', 'no'],
          ],
        }),
      ),
    );
    const cluster = new RedisCluster(nodes);
    try {
      await cluster.#form(ports.slice(3));
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  async #form(busPorts: number[]): Promise<void> {
    const [first] = this.nodes as [RedisServer];
    await Promise.all(
      this.nodes.map(async (node, index) => {
        await node.cli('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
        const from = Math.floor((SLOTS * index) / 3);
        const to = Math.floor((SLOTS * (index + 1)) / 3) - 1;
        await node.cli('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
      }),
    );
    for (const [index, node] of this.nodes.entries()) {
      if (node !== first) await first.cli('CLUSTER', 'MEET', '127.0.0.1', String(node.port), String(busPorts[index]));
    }
    await this.settled();
  }

  /** Waits until every node knows the whole cluster and takes commands. */
  async settled(): Promise<void> {
    await until(async () => {
      const infos = await Promise.all(this.nodes.map((node) => node.cli('CLUSTER', 'INFO')));
      return infos.every(
        (info) =>
          /cluster_state:ok/.test(info) && /cluster_slots_ok:16384/.test(info) && /cluster_known_nodes:3/.test(info),
      );
    }, 'the cluster is formed');
  }

  /** `host:port` of each node. */
  get addresses(): string[] {
    return this.nodes.map((node) => `127.0.0.1:${node.port}`);
  }

  get url(): string {
    const { password } = (this.nodes[0] as RedisServer).options;
    return `redis+cluster://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}${this.addresses.join(',')}`;
  }

  /** The node that serves the slot of this key or channel, and the slot. */
  async ownerOf(key: string): Promise<{ index: number; slot: number }> {
    const slot = Number(await (this.nodes[0] as RedisServer).cli('CLUSTER', 'KEYSLOT', key));
    const ids = await this.#ids();
    const lines = (await (this.nodes[0] as RedisServer).cli('CLUSTER', 'NODES')).split('\n');
    const line = lines.find((each) =>
      each
        .split(' ')
        .slice(8)
        .some((range) => covers(range, slot)),
    );
    return { index: ids.indexOf(line?.split(' ')[0] ?? ''), slot };
  }

  /** Moves an empty slot to another node, as resharding does. */
  async moveSlot(slot: number, fromIndex: number, toIndex: number): Promise<void> {
    const ids = await this.#ids();
    const from = this.nodes[fromIndex] as RedisServer;
    const to = this.nodes[toIndex] as RedisServer;
    await to.cli('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', ids[fromIndex] as string);
    await from.cli('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', ids[toIndex] as string);
    const keys = (await from.cli('CLUSTER', 'GETKEYSINSLOT', String(slot), '1000')).split('\n').filter(Boolean);
    if (keys.length > 0) await from.cli('MIGRATE', to.host, String(to.port), '', '0', '5000', 'KEYS', ...keys);
    const others = this.nodes.filter((node) => node !== from && node !== to);
    for (const node of [to, from, ...others])
      await node.cli('CLUSTER', 'SETSLOT', String(slot), 'NODE', ids[toIndex] as string);
  }

  #ids(): Promise<string[]> {
    return Promise.all(this.nodes.map((node) => node.cli('CLUSTER', 'MYID')));
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}

function covers(range: string, slot: number): boolean {
  const match = /^([0-9]+)(?:-([0-9]+))?$/.exec(range);
  return match !== null && slot >= Number(match[1]) && slot <= Number(match[2] ?? match[1]);
}
