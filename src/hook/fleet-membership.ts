import { findElectedHubPath } from '../bus/election/elected-hub-path';
import type { BusLog, Fleet } from '../bus/fleet';
import type { HubService } from '../bus/hub-services';
import { joinFleet } from '../bus/join-fleet';
import { createPodSessionAdapter } from '../session/pod-session-adapter';
import { createPodSessionService } from '../session/pod-session-service';
import type { SailsLog } from '../types/sails';
import type { HookRuntime } from './runtime';

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
  const fleet = joinFleet({ identity, log: busLogOf(app.log), electedHubPath, services });
  runtime.fleet = fleet;
  runtime.cleanups.push(() => fleet.close());
  if (identity.hubPath || electedHubPath) keepSessionsInHub(runtime, fleet);
}

/**
 * Keeps sessions where the hub is, when the app has configured no store of its own: with the default store each worker
 * would have its own sessions.
 */
function keepSessionsInHub({ app }: HookRuntime, fleet: Fleet): void {
  const { session } = app.config;
  if (!session || !app.hooks.session) return;
  if (session.store || (session.adapter && session.adapter !== 'memory')) return;
  session.adapter = createPodSessionAdapter((method, args) => fleet.call('session', method, args));
}

function busLogOf(log: SailsLog): BusLog {
  return {
    debug: (message) => log.verbose(message),
    info: (message) => log.info(message),
    warn: (message) => log.warn(message),
    error: (message) => log.error(message),
  };
}
