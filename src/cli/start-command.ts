import { Command, Option } from 'commander';
import { availableCpus } from '../launcher/available-cpus';
import { codeOf, messageOf } from '../launcher/errors';
import { createLogger, type LogFormat } from '../launcher/logger';
import type { RedisReadiness } from '../launcher/ops/settings';
import type { FrontDoorMode, PodOptions } from '../launcher/options';
import { startPod } from '../launcher/pod';
import { wholeNumber } from './whole-number';

/** The options of a pod, as commander gives them. */
export interface StartFlags {
  workers?: number;
  port?: number;
  host?: string;
  mode: FrontDoorMode;
  grace: number;
  drainDelay?: number;
  drainWindow?: number;
  maxOldSpace?: number;
  recycleAt?: number;
  rebalance?: number;
  stuckAfter?: number;
  replaceStuck?: boolean;
  unavailableAfter: number;
  headerTimeout?: number;
  requestTimeout?: number;
  maxHeaderSize?: number;
  maxConnections?: number;
  maxConnectionsPerAddress?: number;
  proxyProtocolFrom?: string;
  redisRequired?: boolean;
  podName?: string;
  peerHost?: string;
  peerPort?: number;
  peerTlsCert?: string;
  peerTlsKey?: string;
  peerTlsCa?: string;
  ops: boolean;
  opsPort?: number;
  opsHost?: string;
  readinessRedis: RedisReadiness;
  log?: LogFormat;
  logLevel: string;
}

/** What to run. */
export type PodApp = Pick<PodOptions, 'appPath' | 'entry' | 'sailsArguments'>;

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/**
 * `flotilla start [dir]`.
 * @param sailsArguments what came after `--`
 */
export function startCommand(sailsArguments: string[]): Command {
  const command = new Command('start')
    .description('Lifts the Sails app in a directory on several workers; runs until SIGTERM or Ctrl-C.')
    .usage('[dir] [options] [-- sails-options]')
    .argument('[dir]', 'the directory of the app', '.');
  return withPodOptions(command).action((directory: string, flags: StartFlags) =>
    servePod({ appPath: directory, sailsArguments }, flags),
  );
}

/** Adds the options that `start` and `run` share. */
export function withPodOptions(command: Command): Command {
  return command
    .addOption(
      new Option('-w, --workers <count>', 'number of workers (default: the CPUs available, cgroup quota included)')
        .env('FLOTILLA_WORKERS')
        .argParser(wholeNumber(1, 1024)),
    )
    .addOption(
      new Option(
        '-p, --port <port>',
        'port to listen on; 0 takes a free one (default: PORT, else sails.config.port)',
      ).argParser(wholeNumber(0, 65_535)),
    )
    .addOption(
      new Option('--host <host>', 'interface to listen on (default: sails.config.explicitHost, else all)').env(
        'FLOTILLA_HOST',
      ),
    )
    .addOption(
      new Option('--mode <mode>', 'how requests find their worker')
        .choices(['route', 'sticky'])
        .default('route')
        .env('FLOTILLA_MODE'),
    )
    .addOption(
      new Option('--grace <ms>', 'how long a stop may take in all before workers are killed')
        .default(10_000)
        .env('FLOTILLA_GRACE_MS')
        .argParser(wholeNumber(1, 3_600_000)),
    )
    .addOption(
      new Option('--drain-delay <ms>', 'how long a stopping pod still takes connections, unready (default: 0)')
        .env('FLOTILLA_DRAIN_DELAY_MS')
        .argParser(wholeNumber(0, 3_600_000)),
    )
    .addOption(
      new Option(
        '--drain-window <ms>',
        'over how long a stop spreads the ends of the sockets (default: 5000, at most half of the grace)',
      )
        .env('FLOTILLA_DRAIN_WINDOW_MS')
        .argParser(wholeNumber(0, 3_600_000)),
    )
    .addOption(
      new Option(
        '--max-old-space <mib>',
        'heap limit of each worker (default: from the memory limit of the control group, 75 % through all processes)',
      )
        .env('FLOTILLA_MAX_OLD_SPACE_MB')
        .argParser(wholeNumber(16, 1_048_576)),
    )
    .addOption(
      new Option('--recycle-at <percent>', 'replace a worker whose heap stays fuller than this; 0: never (default: 90)')
        .env('FLOTILLA_RECYCLE_AT_PERCENT')
        .argParser(wholeNumber(0, 100)),
    )
    .addOption(
      new Option(
        '--rebalance <percent>',
        'sockets that a worker gives up per second while another has far fewer; 0: none (default: 2)',
      )
        .env('FLOTILLA_REBALANCE_PERCENT')
        .argParser(wholeNumber(0, 100)),
    )
    .addOption(
      new Option(
        '--stuck-after <ms>',
        'a worker whose event loop is blocked for longer gets no new connections; 0: never (default: 10000)',
      )
        .env('FLOTILLA_STUCK_AFTER_MS')
        .argParser(wholeNumber(0, 3_600_000)),
    )
    .addOption(
      new Option('--replace-stuck', 'replace a worker that is stuck (default: only report it)').env(
        'FLOTILLA_REPLACE_STUCK',
      ),
    )
    .addOption(
      new Option(
        '--unavailable-after <ms>',
        'how long a connection waits while no worker is ready, before it is answered 503',
      )
        .default(1_000)
        .env('FLOTILLA_UNAVAILABLE_AFTER_MS')
        .argParser(wholeNumber(0, 60_000)),
    )
    .addOption(
      new Option(
        '--header-timeout <ms>',
        'how long a client may take to send the head of a request; 0: for ever (default: 30000)',
      )
        .env('FLOTILLA_HEADER_TIMEOUT_MS')
        .argParser(wholeNumber(0, 3_600_000)),
    )
    .addOption(
      new Option(
        '--request-timeout <ms>',
        'how long a client may take to send a whole request, its body included; 0: for ever (default: 0)',
      )
        .env('FLOTILLA_REQUEST_TIMEOUT_MS')
        .argParser(wholeNumber(0, 3_600_000)),
    )
    .addOption(
      new Option('--max-header-size <bytes>', 'how large the head of a request may be (default: 16384)')
        .env('FLOTILLA_MAX_HEADER_SIZE')
        .argParser(wholeNumber(1_024, 1_048_576)),
    )
    .addOption(
      new Option(
        '--max-connections <count>',
        'connections of a worker, 503 over it; 0: any number (default: 90 % of the limit of open files)',
      )
        .env('FLOTILLA_MAX_CONNECTIONS')
        .argParser(wholeNumber(0, 10_000_000)),
    )
    .addOption(
      new Option(
        '--max-connections-per-address <count>',
        'connections of a client address, 429 over it; 0: any number (default: 0)',
      )
        .env('FLOTILLA_MAX_CONNECTIONS_PER_ADDRESS')
        .argParser(wholeNumber(0, 10_000_000)),
    )
    .addOption(
      new Option(
        '--proxy-protocol-from <addresses>',
        'addresses and networks of proxies that speak the PROXY protocol, with commas (default: none)',
      ).env('FLOTILLA_PROXY_PROTOCOL_FROM'),
    )
    .addOption(
      new Option('--redis-required', 'do not start without the Redis that is configured (default: wait for it)').env(
        'FLOTILLA_REDIS_REQUIRED',
      ),
    )
    .addOption(new Option('--pod-name <name>', "the pod's name (default: the host's)").env('FLOTILLA_POD_NAME'))
    .addOption(
      new Option(
        '--peer-port <port>',
        'port for requests that other pods pass on, where there is a Redis (default: 9091)',
      )
        .env('FLOTILLA_PEER_PORT')
        .argParser(wholeNumber(0, 65_535)),
    )
    .addOption(
      new Option('--peer-host <host>', 'interface for them (default: FLOTILLA_POD_IP; without either: none)').env(
        'FLOTILLA_PEER_HOST',
      ),
    )
    .addOption(
      new Option(
        '--peer-tls-cert <file>',
        'certificate of this pod, in PEM: what pods pass on is encrypted (default: it is not)',
      ).env('FLOTILLA_PEER_TLS_CERT'),
    )
    .addOption(new Option('--peer-tls-key <file>', 'key of that certificate').env('FLOTILLA_PEER_TLS_KEY'))
    .addOption(
      new Option('--peer-tls-ca <file>', 'authority that signs the certificates of all pods').env(
        'FLOTILLA_PEER_TLS_CA',
      ),
    )
    .addOption(
      new Option('--ops-port <port>', 'port of the ops server (default: 9090, or a free one where that is taken)')
        .env('FLOTILLA_OPS_PORT')
        .argParser(wholeNumber(0, 65_535)),
    )
    .addOption(
      new Option('--ops-host <host>', 'interface of the ops server (default: 127.0.0.1)').env('FLOTILLA_OPS_HOST'),
    )
    .addOption(new Option('--no-ops', 'no ops server: no probes, no metrics, no other commands'))
    .addOption(
      new Option('--readiness-redis <rule>', 'strict: a pod out of reach of Redis is not ready')
        .choices(['degraded', 'strict'])
        .default('degraded')
        .env('FLOTILLA_READINESS_REDIS'),
    )
    .addOption(
      new Option('--log <format>', 'log format (default: json where NODE_ENV is production, else pretty)')
        .choices(['json', 'pretty'])
        .env('FLOTILLA_LOG'),
    )
    .addOption(
      new Option('--log-level <level>', 'log level').choices(LEVELS).default('info').env('FLOTILLA_LOG_LEVEL'),
    );
}

/** Starts a pod, and lets it go on until it is told to stop. */
export async function servePod(app: PodApp, flags: StartFlags): Promise<void> {
  const log = createLogger({ format: flags.log, level: flags.logLevel });
  const workers = flags.workers ?? availableCpus();
  log.info({ pid: process.pid }, `starting ${workers} ${workers === 1 ? 'worker' : 'workers'}`);
  try {
    const pod = await startPod(
      {
        ...app,
        workers,
        port: flags.port,
        host: flags.host,
        mode: flags.mode,
        graceMs: flags.grace,
        drainDelayMs: flags.drainDelay,
        drainWindowMs: flags.drainWindow,
        maxOldSpaceMb: flags.maxOldSpace,
        recycleAtPercent: flags.recycleAt,
        rebalancePercent: flags.rebalance,
        stuckAfterMs: flags.stuckAfter,
        replaceStuck: flags.replaceStuck,
        unavailableAfterMs: flags.unavailableAfter,
        headerTimeoutMs: flags.headerTimeout,
        requestTimeoutMs: flags.requestTimeout,
        maxHeaderSize: flags.maxHeaderSize,
        maxConnections: flags.maxConnections,
        maxConnectionsPerAddress: flags.maxConnectionsPerAddress,
        proxyProtocolFrom: flags.proxyProtocolFrom,
        redisRequired: flags.redisRequired,
        podName: flags.podName,
        peerHost: flags.peerHost,
        peerPort: flags.peerPort,
        peerTlsCert: flags.peerTlsCert,
        peerTlsKey: flags.peerTlsKey,
        peerTlsCa: flags.peerTlsCa,
        ops: flags.ops && { port: flags.opsPort, host: flags.opsHost, readinessRedis: flags.readinessRedis },
      },
      log,
    );
    let signalled = false;
    const onSignal = (signal: NodeJS.Signals) => {
      if (signalled) {
        log.warn(`${signal} again: ending at once`);
        pod.kill();
        process.exit(1);
      }
      signalled = true;
      log.info(`${signal}: stopping`);
      void finish(0);
    };
    const finish = async (code: number) => {
      await pod.stop();
      log.info('stopped');
      process.exit(code);
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal);
    const hasTerminal = process.stdin.isTTY || process.stdout.isTTY;
    process.on('SIGHUP', (signal) => {
      // from a terminal it means that the terminal is gone
      if (hasTerminal) onSignal(signal);
      // a reload that fails says so itself, and the pod goes on
      else if (!signalled) void pod.reload().catch((error) => log.error({ code: codeOf(error) }, messageOf(error)));
    });
    pod.on('stop-requested', () => onSignal('SIGTERM'));
    pod.on('ready', () => log.info(`all ${workers} workers are ready`));
    pod.on('failed', (reason) => {
      log.fatal({ code: reason.code }, reason.message);
      void finish(1);
    });
  } catch (error) {
    const code = codeOf(error);
    // ours are told in a line; anything else is a fault of the launcher and keeps its stack
    if (!code?.startsWith('E_')) throw error;
    log.fatal({ code }, messageOf(error));
    process.exitCode = 1;
  }
}
