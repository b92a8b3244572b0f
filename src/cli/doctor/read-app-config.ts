import { isLinkName, resolveAppRedis } from '../../bus/app-redis';
import { messageOf } from '../../launcher/errors';
import { loadSails } from '../../launcher/worker/load-sails';
import type { RedisDocument } from '../../redis';
import type { AppReport, AppTrouble } from './app-report';

/** The parts of `sails.config` that are looked at. */
interface LoadedConfig {
  environment?: string;
  flotilla?: { redis?: unknown; link?: unknown; maxLogBytes?: unknown; lowerTimeoutMs?: unknown };
  sockets?: Record<string, unknown>;
  session?: { secret?: unknown; adapter?: unknown; cookie?: { secure?: unknown } };
  hooks?: Record<string, unknown>;
  http?: { trustProxy?: unknown };
  ssl?: unknown;
}

interface LoadableSails {
  config: LoadedConfig;
  load(config: Record<string, unknown>, done: (error?: unknown) => void): void;
}

/**
 * Loads an app's configuration as `sails lift` would, and nothing else of the app, and sends what the doctor must know to
 * its parent. A process of its own: configuration is code.
 */
async function main(appPath: string): Promise<void> {
  const { sails, config } = loadSails({
    appPath,
    mode: 'route',
    directory: '',
    port: undefined,
    host: undefined,
    first: false,
    beatEveryMs: 0,
    maxOldSpaceMb: undefined,
    http: {},
  });
  const app = sails as unknown as LoadableSails;
  // Sails prints its errors itself; here they are told to the parent
  const quiet = { ...config, log: { level: 'silent' }, loadHooks: ['moduleloader', 'userconfig'] };
  await new Promise<void>((resolve, reject) => {
    app.load(quiet, (error) => (error ? reject(error) : resolve()));
  });
  tell(report(app.config, appPath));
}

function report(config: LoadedConfig, appPath: string): AppReport {
  const { sockets = {}, session = {}, hooks = {}, flotilla } = config;
  let redis: RedisDocument | null = null;
  let redisTrouble: string | null = null;
  try {
    redis = resolveAppRedis({ appPath, flotilla, sockets })?.toDocument() ?? null;
  } catch (error) {
    redisTrouble = messageOf(error);
  }
  return {
    environment: config.environment ?? 'development',
    redis,
    redisTrouble,
    link: isLinkName(flotilla?.link) ? flotilla.link : null,
    maxLogBytes: typeof flotilla?.maxLogBytes === 'number' ? flotilla.maxLogBytes : null,
    recovers: sockets.connectionStateRecovery !== false,
    sockets: {
      transports: sockets.transports ?? null,
      onlyAllowOrigins: sockets.onlyAllowOrigins ?? null,
      hasBeforeConnect: Boolean(sockets.beforeConnect),
      adapter: typeof sockets.adapter === 'string' ? sockets.adapter : null,
    },
    session: {
      isDisabled: hooks.session === false || hooks.session === 'false',
      secretLength: typeof session.secret === 'string' ? session.secret.length : null,
      adapter: session.adapter === undefined ? null : String(session.adapter),
      cookieSecure: session.cookie?.secure ?? null,
    },
    trustProxy: String(config.http?.trustProxy ?? false),
    tls: Boolean(config.ssl),
    lowerTimeoutMs: flotilla?.lowerTimeoutMs ?? null,
  };
}

function tell(answer: AppReport | AppTrouble): void {
  process.send?.(answer, () => process.exit(0));
}

main(process.argv[2] ?? '.').catch((error) => tell({ trouble: messageOf(error) }));
