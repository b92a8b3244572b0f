import { freePort } from './free-port';
import { type Certificates, makeCertificates } from './redis-certificates';
import { type RedisProcess, redisCli, removeFolder, startRedisProcess, temporaryFolder } from './redis-process';

export interface RedisServerOptions {
  /** Default: a free one. */
  port?: number;
  /** Password of the default user. */
  password?: string;
  /** A user of its own, with all rights; the default user is then switched off. */
  user?: { name: string; password: string };
  /** TLS only. `client`: and only for clients with a certificate. */
  tls?: boolean | 'client';
  /** More lines of configuration, e.g. `['--replicaof', '127.0.0.1 6379']`. */
  args?: string[];
}

/** A redis-server of a test's own, on 127.0.0.1, without persistence. */
export class RedisServer {
  #process: RedisProcess;

  private constructor(
    readonly port: number,
    readonly options: RedisServerOptions,
    readonly folder: string,
    readonly certificates: Certificates | undefined,
    private readonly args: string[],
    started: RedisProcess,
  ) {
    this.#process = started;
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const folder = await temporaryFolder();
    const certificates = options.tls ? await makeCertificates(folder) : undefined;
    const port = options.port ?? (await freePort());
    const args = argumentsFor(port, options, certificates);
    try {
      return new RedisServer(port, options, folder, certificates, args, await startRedisProcess(args, folder));
    } catch (error) {
      await removeFolder(folder);
      throw error;
    }
  }

  readonly host = '127.0.0.1';

  get pid(): number {
    return this.#process.pid;
  }

  /** The address with user and password, percent-encoded. */
  get url(): string {
    const { password, user, tls } = this.options;
    const login = user
      ? `${encodeURIComponent(user.name)}:${encodeURIComponent(user.password)}@`
      : password === undefined
        ? ''
        : `:${encodeURIComponent(password)}@`;
    return `redis${tls ? 's' : ''}://${login}${this.host}:${this.port}`;
  }

  /** Runs redis-cli against it. */
  cli(...args: string[]): Promise<string> {
    const { certificates, options } = this;
    const tls = certificates
      ? [
          '--tls',
          '--cacert',
          certificates.caFile,
          '--cert',
          certificates.clientCertFile,
          '--key',
          certificates.clientKeyFile,
        ]
      : [];
    const user = options.user ? ['--user', options.user.name] : [];
    return redisCli(['-p', String(this.port), ...tls, ...user, ...args], options.user?.password ?? options.password);
  }

  /** `CLIENT LIST` without the connection that asks. */
  async clientNames(): Promise<string[]> {
    const lines = (await this.cli('CLIENT', 'LIST')).split('\n').filter((line) => !line.includes('cmd=client'));
    return lines.map((line) => / name=(\S*)/.exec(line)?.[1] ?? '').filter((name) => name !== '');
  }

  /** SIGSTOP: connections stay open and nothing is answered. */
  pause(): void {
    this.#process.pause();
  }

  /** SIGCONT. */
  resume(): void {
    this.#process.resume();
  }

  /** Ends the process as a crash would; `restart()` brings it back, empty, on the same port. */
  kill(): Promise<void> {
    return this.#process.kill();
  }

  async restart(): Promise<void> {
    await this.#process.kill();
    this.#process = await startRedisProcess(this.args, this.folder);
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    await this.#process.kill();
    await removeFolder(this.folder);
  }
}

function argumentsFor(port: number, options: RedisServerOptions, certificates: Certificates | undefined): string[] {
  const args = [
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--daemonize',
    'no',
    '--enable-debug-command',
    'yes',
  ];
  if (certificates) {
    args.push('--port', '0', '--tls-port', String(port), '--tls-ca-cert-file', certificates.caFile);
    args.push('--tls-cert-file', certificates.certFile, '--tls-key-file', certificates.keyFile);
    args.push('--tls-auth-clients', options.tls === 'client' ? 'yes' : 'no');
  } else {
    args.push('--port', String(port));
  }
  if (options.user) {
    args.push(
      '--user',
      options.user.name,
      'on',
      `>${options.user.password}`,
      '~*',
      '&*',
      '+@all',
      '--user',
      'default',
      'off',
    );
  } else if (options.password !== undefined) {
    args.push('--requirepass', options.password);
  }
  return [...args, ...(options.args ?? [])];
}
