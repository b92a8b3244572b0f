import { resolveAppRedis } from '../bus/app-redis';
import { findElectedHubPath } from '../bus/election/elected-hub-path';
import type { BusLog, Fleet } from '../bus/fleet';
import type { LinkFactory } from '../bus/hub/hub';
import type { HubService } from '../bus/hub-services';
import { joinFleet } from '../bus/join-fleet';
import { createLink, readBusSecrets } from '../bus/link/create-link';
import { readRedisCallbacks } from '../redis';
import { createPodSessionService } from '../session/pod-session-service';
import type { SailsLog } from '../types/sails';
import type { HookRuntime } from './runtime';
import { chooseSessionStore } from './session/choose-store';

/**
 * Joins the fleet: through the hub of the primary where there is one; under pm2 and the like through the hub that the
 * workers elect; else alone.
 */
export function joinFleetOf(runtime: HookRuntime): void {
  const { app, identity } = runtime;
  const electedHubPath = identity.hubPath ? undefined : findElectedHubPath(app.config.appPath);
  const services: Record<string, HubService> = {};
  if (electedHubPath) {
    const sessions = createPodSessionService();
    services.session = sessions;
    runtime.cleanups.push(() => sessions.close());
  }
  const log = busLogOf(app.log);
  const fleet = joinFleet({
    identity,
    log,
    // Until the app lifts: `sails run` and `sails console` only load it.
    role: 'emitter',
    electedHubPath,
    services,
    maxMessageBytes: runtime.settings.maxMessageBytes,
    // The hub of a primary has the link of the pod.
    link: identity.hubPath ? undefined : linkOf(runtime, log),
  });
  runtime.fleet = fleet;
  runtime.cleanups.push(() => fleet.close());
  tellOutages(runtime, fleet);
  chooseSessionStore(runtime, { hubIsShared: Boolean(identity.hubPath || electedHubPath) });
}

function linkOf({ app, identity, settings }: HookRuntime, log: BusLog): LinkFactory | undefined {
  const { appPath } = app.config;
  const sockets = app.config.sockets as unknown as Record<string, unknown>;
  const redis = resolveAppRedis({ appPath, sockets, flotilla: settings });
  if (!redis) return undefined;
  const { link: name, maxLogBytes } = settings;
  return createLink({ name, maxLogBytes, redis, podName: identity.podName, secrets: readBusSecrets(), log });
}

/** The callbacks of sails-hook-sockets for the end and the return of Redis, in each process once per outage. */
function tellOutages({ app }: HookRuntime, fleet: Fleet): void {
  const { onRedisDisconnect, onRedisReconnect } = readRedisCallbacks(
    app.config.sockets as unknown as Record<string, unknown>,
  );
  fleet.onLinkChange((up) => {
    try {
      if (up) onRedisReconnect?.();
      else onRedisDisconnect?.();
    } catch (error) {
      app.log.error(`\`sails.config.sockets.onRedis${up ? 'Reconnect' : 'Disconnect'}\` threw:`, error);
    }
  });
}

function busLogOf(log: SailsLog): BusLog {
  return {
    debug: (message) => log.verbose(message),
    info: (message) => log.info(message),
    warn: (message) => log.warn(message),
    error: (message) => log.error(message),
  };
}
