import type { SailsApp } from '../../types/sails';
import { ResponseSink } from '../requests/response-sink';

/** What core's router tells of each route that a request meets. */
interface RouteHit {
  req: { route?: { path?: unknown } };
  res: { _clientRes?: unknown };
}

/**
 * Remembers with each virtual response the request as the router sees it, whose route is the one that it met last. A request
 * that met no route that answers has none, whatever it met on its way.
 */
export function rememberRoutes(app: SailsApp): void {
  app.on('router:route', ({ req, res }: RouteHit) => {
    if (res._clientRes instanceof ResponseSink) res._clientRes.request = req;
  });
  app.on('router:request:404', (_request: unknown, response: RouteHit['res']) => {
    if (response._clientRes instanceof ResponseSink) response._clientRes.request = undefined;
  });
}
