import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePorts } from './free-port';
import { type RedisProcess, redisCli, removeFolder, startRedisProcess, temporaryFolder, until } from './redis-process';
import { RedisServer } from './redis-server';

export interface RedisSentinelOptions {
  /** Password of master and replica. */
  password?: string;
  /** Password of the Sentinels. */
  sentinelPassword?: string;
}

/** A master, a replica and three Sentinels that notice a dead master after half a second. */
export class RedisSentinel {
  static readonly masterName = 'mymaster';

  private constructor(
    /** Master first, at the start. */
    readonly servers: [RedisServer, RedisServer],
    readonly sentinelPorts: number[],
    private readonly processes: RedisProcess[],
    private readonly folder: string,
    readonly options: RedisSentinelOptions,
  ) {}

  static async start(options: RedisSentinelOptions = {}): Promise<RedisSentinel> {
    const [masterPort, replicaPort, ...sentinelPorts] = (await freePorts(5)) as [number, number, ...number[]];
    const login = options.password === undefined ? {} : { password: options.password };
    const auth = options.password === undefined ? [] : ['--masterauth', options.password];
    const quick = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'];
    const master = await RedisServer.start({ ...login, port: masterPort, args: [...auth, ...quick] });
    const replica = await RedisServer.start({
      ...login,
      port: replicaPort,
      args: [...auth, ...quick, '--replicaof', `127.0.0.1 ${masterPort}`],
    });
    await until(async () => /state=online/.test(await master.cli('INFO', 'replication')), 'the replica is in step');

    const folder = await temporaryFolder();
    const processes = await Promise.all(
      sentinelPorts.map(async (port) => {
        const file = join(folder, `sentinel-${port}.conf`);
        await writeFile(file, sentinelConfiguration(port, masterPort, options));
        return startRedisProcess([file, '--sentinel'], folder);
      }),
    );
    const sentinel = new RedisSentinel([master, replica], sentinelPorts, processes, folder, options);
    try {
      await sentinel.settled();
    } catch (error) {
      await sentinel.stop();
      throw error;
    }
    return sentinel;
  }

  /** Waits until every Sentinel knows the other two and a replica it can promote. */
  async settled(): Promise<void> {
    await until(async () => {
      const states = await Promise.all(
        this.sentinelPorts.map((port) => this.#ask(port, 'SENTINEL', 'MASTER', RedisSentinel.masterName)),
      );
      return states.every(
        (state) =>
          /num-other-sentinels\n2\n/.test(state) && /num-slaves\n[1-9]/.test(state) && /flags\nmaster\n/.test(state),
      );
    }, 'the Sentinels know each other');
  }

  get url(): string {
    const { password, sentinelPassword } = this.options;
    const login = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
    const query = sentinelPassword === undefined ? '' : `?sentinelPassword=${encodeURIComponent(sentinelPassword)}`;
    const hosts = this.sentinelPorts.map((port) => `127.0.0.1:${port}`).join(',');
    return `redis+sentinel://${login}${hosts}/${RedisSentinel.masterName}${query}`;
  }

  /** The server that the Sentinels call master now. */
  async master(): Promise<RedisServer> {
    const [port] = this.sentinelPorts as [number];
    const [, masterPort] = (
      await this.#ask(port, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', RedisSentinel.masterName)
    ).split('\n');
    return this.servers.find((server) => server.port === Number(masterPort)) as RedisServer;
  }

  /**
   * Kills the master and waits until a Sentinel announces the switch.
   * @returns the server that was killed; `restart()` on it makes it a replica
   */
  async failover(): Promise<RedisServer> {
    const [port] = this.sentinelPorts as [number];
    const old = await this.master();
    const { sentinelPassword } = this.options;
    const watcher = new Redis({
      host: '127.0.0.1',
      port,
      ...(sentinelPassword === undefined ? {} : { password: sentinelPassword }),
    });
    try {
      await watcher.subscribe('+switch-master');
      const switched = new Promise((resolve) => watcher.once('message', resolve));
      await old.kill();
      await switched;
    } finally {
      watcher.disconnect();
    }
    return old;
  }

  #ask(port: number, ...args: string[]): Promise<string> {
    return redisCli(['-p', String(port), ...args], this.options.sentinelPassword);
  }

  async stop(): Promise<void> {
    await Promise.all(this.processes.map((each) => each.kill()));
    await Promise.all(this.servers.map((server) => server.stop()));
    await removeFolder(this.folder);
  }
}

function sentinelConfiguration(port: number, masterPort: number, options: RedisSentinelOptions): string {
  const name = RedisSentinel.masterName;
  return [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor ${name} 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds ${name} 500`,
    `sentinel failover-timeout ${name} 3000`,
    ...(options.password === undefined ? [] : [`sentinel auth-pass ${name} "${options.password}"`]),
    ...(options.sentinelPassword === undefined
      ? []
      : [`requirepass "${options.sentinelPassword}"`, `sentinel sentinel-pass "${options.sentinelPassword}"`]),
    '',
  ].join('\n');
}
