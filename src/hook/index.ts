import { readIdentity } from '../bus/identity';
import type { MetricReading } from '../metrics/declarations';
import type { HookPulse } from '../metrics/hook-metrics';
import type { SailsApp, SailsHookDefinition } from '../types/sails';
import { hasThirdPartyAdapter } from './adapters/third-party-adapter';
import { serveClient } from './client/serve-client';
import { closePolling } from './close-polling';
import type { HookCounters } from './counters';
import { makeDefaults } from './defaults';
import { type DrainOptions, drain } from './drain';
import { joinFleetOf } from './fleet-membership';
import { initialize } from './initialize';
import { readPulse } from './metrics/read-hook';
import { HookRuntime } from './runtime';
import { chooseSessionStore } from './session/choose-store';
import { installSessions } from './session/install-sessions';
import { configure } from './settings/configure';
import type { FlotillaSettings } from './settings/flotilla-settings';
import type { SocketsSettings } from './settings/sockets-settings';
import { type ShedOptions, shed } from './shed';
import { installShutdown } from './shutdown';
import type { SailsSockets } from './sockets';

/**
 * The `sockets` hook for Sails 1.x, in place of sails-hook-sockets. Sails finds it by itself once the package is
 * installed; to inject it by hand: `hooks: { sockets: require('sails-hook-flotilla') }`.
 */
function flotillaHook(app: SailsApp): flotillaHook.HookDefinition {
  const runtime = new HookRuntime(app, readIdentity());
  return {
    packageName: 'sails-hook-flotilla',
    counters: runtime.counters,
    readMetrics: () => runtime.metrics.read(),
    drain: (options) => drain(runtime, options),
    closePolling: (windowMs) => closePolling(runtime, windowMs),
    shed: (options) => shed(runtime, options),
    readPulse: () => readPulse(runtime),
    defaults: makeDefaults(),

    configure() {
      configure(app);
      installShutdown(runtime);
      if (!hasThirdPartyAdapter(runtime)) joinFleetOf(runtime);
      else chooseSessionStore(runtime, { hubIsShared: false });
      installSessions(runtime);
    },

    initialize(done) {
      initialize(runtime).then(() => done(), done);
    },

    handleLift(done) {
      runtime.fleet?.serve();
      done();
    },

    routes: {
      before: {},
      after: {
        // A script that sails.io.js loads cross-origin, so that the browser gets a session cookie.
        'GET /__getcookie': (_request, response, next) => {
          if (!app.config.sockets.grant3rdPartyCookie) {
            next();
            return;
          }
          response.set('Content-Type', 'application/javascript');
          response.send('_sailsIoJSConnect();');
        },
        'GET /dependencies/sails.io.js': serveClient(app),
      },
    },

    broadcastAdminMessage: (event, payload) => runtime.adminBus?.broadcast(event, payload),
    blastAdminMessage: (event, payload) => runtime.adminBus?.blast(event, payload),
  };
}

namespace flotillaHook {
  /** What the hook adds to a Sails hook. */
  export interface HookDefinition extends SailsHookDefinition {
    /** By which hook `sails.hooks.sockets` was provided. */
    packageName: 'sails-hook-flotilla';
    counters: HookCounters;
    /** The metrics of this process (docs/metrics.md), as plain data. */
    readMetrics(): Promise<MetricReading[]>;
    /** A few numbers of this process, for live views. */
    readPulse(): HookPulse;
    /** Ends the sockets of this process in paced batches, before it is lowered; the launcher does so at a stop. */
    drain(options: DrainOptions): Promise<void>;
    /** Ends the connections that poll now, spread over a window; settles with how many. The launcher does so before a drain. */
    closePolling(windowMs: number): Promise<number>;
    /** Ends some connections, and serves on; settles with how many. The launcher does so where another worker has far fewer. */
    shed(options: ShedOptions): Promise<number>;
    /** Sends a message to the other processes on the admin bus; does nothing without a Redis adapter. */
    broadcastAdminMessage(event: string, payload: unknown): void;
    /** Sends a message to every process on the admin bus; does nothing without a Redis adapter. */
    blastAdminMessage(event: string, payload: unknown): void;
  }
  /** `sails.config.sockets` */
  export type Settings = SocketsSettings;
  /** `sails.config.flotilla` */
  export type OwnSettings = FlotillaSettings;
  /** `sails.sockets` */
  export type Sockets = SailsSockets;
}

export = flotillaHook;
