import { metrics } from './metrics.ts';
import { pathOf, type Route } from './route.ts';
import type { JsonWebSocketResponse, SailsSocket } from './sails-socket.ts';

/** Connects and measures it. A refusal is counted and logged. */
export async function connectMeasured(socket: SailsSocket): Promise<boolean> {
  const begun = Date.now();
  try {
    await socket.connect();
    metrics.connects.add(1);
    metrics.timeToConnect.add(Date.now() - begun);
    return true;
  } catch (error) {
    metrics.connectsFailed.add(1);
    console.error(`connect: ${(error as Error).message}`);
    return false;
  }
}

/**
 * A virtual request, measured by its route.
 * @param dueAt when it was to be sent; default now
 * @returns the answer where its status is 2xx; else undefined, counted as failed and logged
 */
export async function requestMeasured(
  socket: SailsSocket,
  route: Route,
  options: { parameters?: Record<string, string>; data?: unknown; dueAt?: number } = {},
): Promise<JsonWebSocketResponse | undefined> {
  const tags = { route: route.name };
  const dueAt = options.dueAt ?? Date.now();
  metrics.virtualRequestsDue.add(1, tags);
  try {
    const response = await socket.request(route.method, pathOf(route, options.parameters ?? {}), options.data);
    metrics.virtualRequestLatency.add(Date.now() - dueAt, tags);
    metrics.virtualRequestsAnswered.add(1, tags);
    if (response.statusCode >= 200 && response.statusCode < 300) return response;
    console.error(`${route.name}: status ${response.statusCode} ${JSON.stringify(response.body).slice(0, 200)}`);
  } catch (error) {
    console.error(`${route.name}: ${(error as Error).message}`);
  }
  metrics.virtualRequestsFailed.add(1, tags);
  return undefined;
}
