import { checkForeignStore } from '../session/connect-redis-pair';
import type { SailsApp } from '../types/sails';
import { hasThirdPartyAdapter, useThirdPartyAdapter } from './adapters/third-party-adapter';
import { serveAdminUi } from './admin/admin-ui';
import { PeerAddresses } from './connection/client-address';
import { makeOnConnection } from './connection/on-connection';
import { readSdkMetadata } from './connection/sdk-metadata';
import { SocketsDependencyError } from './errors';
import { limitConnectionAge } from './limits/connection-age';
import { limitBufferedBytes } from './limits/slow-consumers';
import { countMessages } from './metrics/count-messages';
import { countRefusedHandshakes } from './metrics/refused-handshakes';
import { serveProbe } from './probe/probe-namespace';
import type { HookRuntime } from './runtime';
import { createServer } from './server/create-server';
import { SessionGuard } from './session/recovery-guard';
import { readRecoverySettings } from './settings/recovery-settings';
import type { AdapterConstructor } from './settings/sockets-settings';
import { makeSailsSockets } from './sockets';

/** Starts the Socket.IO server on the app's HTTP server, and exposes `sails.io` and `sails.sockets`. */
export async function initialize(runtime: HookRuntime): Promise<void> {
  const { app } = runtime;
  app.getSDKMetadata = readSdkMetadata;
  if (!app.hooks.http) {
    throw new SocketsDependencyError(
      'The sockets hook needs the http hook: remove `http: false` from `sails.config.hooks` (.sailsrc).',
    );
  }
  await loaded(app, 'http');
  if (app.hooks.session) await loaded(app, 'session');

  checkForeignStore(app.session && app.config.session?.store);

  const { fleet } = runtime;
  const io = createServer(runtime, app.hooks.http, adapterOf(runtime));
  runtime.io = io;
  app.io = io;
  limitBufferedBytes(runtime, io);
  limitConnectionAge(runtime, io);
  countMessages(runtime.counters, io);
  countRefusedHandshakes(runtime, io);
  if (hasThirdPartyAdapter(runtime)) await useThirdPartyAdapter(runtime, io);
  await fleet?.ready();
  fleet?.countSocketsWith(() => io.engine.clientsCount);

  serveProbe(runtime, io);
  serveAdminUi(runtime, io);
  const peers = new PeerAddresses(io);
  io.on('connection', makeOnConnection(runtime, peers));
  app.sockets = makeSailsSockets(runtime);
}

/** Clients that come back get their state, by default under the launcher. */
function adapterOf(runtime: HookRuntime): AdapterConstructor | undefined {
  const settings = readRecoverySettings(runtime.app, runtime.identity.hubPath !== undefined);
  const recovery = settings && { settings, guard: new SessionGuard(runtime) };
  return runtime.fleet?.createAdapter(recovery) as AdapterConstructor | undefined;
}

function loaded(app: SailsApp, hook: string): Promise<void> {
  return new Promise((resolve) => app.after(`hook:${hook}:loaded`, resolve));
}
