import type { Callback } from '../types/sails';
import type { HookRuntime } from './runtime';
import { closeConnections, openConnections } from './server/engine-connections';

/**
 * Makes `sails.lower()` end the sockets in order: no new ones, 503 for new requests, then wait for those in flight,
 * close the connections (clients come back by themselves, unlike after `disconnect()`), wait for `afterDisconnect`,
 * and free what is left. Core waits for `beforeShutdown` only, so that is where it happens, after the app's own.
 */
export function installShutdown(runtime: HookRuntime): void {
  const { app } = runtime;
  let ending: Promise<void> | undefined;
  const end = () => {
    ending ??= shutDown(runtime);
    return ending;
  };
  const { beforeShutdown } = app.config;
  app.config.beforeShutdown = (done) => {
    const then: Callback = (error) => {
      end().then(() => done(error));
    };
    if (typeof beforeShutdown === 'function') beforeShutdown.call(app.config, then);
    else then();
  };
  // In case the app has replaced `beforeShutdown` meanwhile.
  app.once('lower', () => void end());
}

async function shutDown(runtime: HookRuntime): Promise<void> {
  runtime.lowering = true;
  const { lowerTimeoutMs } = runtime.settings;
  const deadline = Date.now() + lowerTimeoutMs;
  await runtime.requests.idleWithin(lowerTimeoutMs);
  if (runtime.hasServer) {
    await closeConnections(openConnections(runtime), Math.min(FLUSH_LIMIT_MS, Math.max(deadline - Date.now(), 0)));
    await runtime.farewells.settleWithin(Math.max(deadline - Date.now(), 0));
  }
  await free(runtime);
}

/** How long a polling client may take to fetch what is still to be sent to it. */
const FLUSH_LIMIT_MS = 200;

async function free(runtime: HookRuntime): Promise<void> {
  for (const cleanup of runtime.cleanups.splice(0).reverse()) {
    try {
      await cleanup();
    } catch (error) {
      runtime.app.log.error('Closing the sockets hook: a part could not be closed:', error);
    }
  }
}
