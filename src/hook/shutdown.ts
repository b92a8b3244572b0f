import type { Callback } from '../types/sails';
import { OutstandingWork } from './outstanding-work';
import type { HookRuntime } from './runtime';

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
    await closeConnections(runtime, Math.min(FLUSH_LIMIT_MS, Math.max(deadline - Date.now(), 0)));
    await runtime.farewells.settleWithin(Math.max(deadline - Date.now(), 0));
  }
  await free(runtime);
}

/** How long a polling client may take to fetch what is still to be sent to it. */
const FLUSH_LIMIT_MS = 200;

/** Engine.IO's connection. */
interface EngineConnection {
  writeBuffer: unknown[];
  /** Closes once everything is sent; with `discard`, now. */
  close(discard?: boolean): void;
  once(event: 'close', listener: () => void): void;
}

async function closeConnections(runtime: HookRuntime, flushLimitMs: number): Promise<void> {
  const closing = new OutstandingWork();
  for (const connection of openConnections(runtime)) {
    const closed = closing.begin();
    connection.once('close', closed);
    connection.close(connection.writeBuffer.length === 0);
  }
  await closing.settleWithin(flushLimitMs);
  for (const connection of openConnections(runtime)) connection.close(true);
}

function openConnections(runtime: HookRuntime): EngineConnection[] {
  const { clients } = runtime.io.engine as unknown as { clients: Record<string, EngineConnection> };
  return Object.values(clients);
}

async function free(runtime: HookRuntime): Promise<void> {
  for (const cleanup of runtime.cleanups.splice(0).reverse()) {
    try {
      await cleanup();
    } catch (error) {
      runtime.app.log.error('Closing the sockets hook: a part could not be closed:', error);
    }
  }
}
