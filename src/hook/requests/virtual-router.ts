import type { SailsApp } from '../../types/sails';
import { BoundRoutes } from './bound-routes';
import type { VirtualRequest } from './virtual-request';
import type { VirtualResponse } from './virtual-response';
import { RouteWalker } from './walk-routes';

type Middleware = (request: VirtualRequest, response: VirtualResponse, next: (error?: unknown) => void) => void;

/**
 * Takes a virtual request the way that `sails.router.route()` takes it (lib/router/index.js of Sails 1.5): cookies, session,
 * routes, and core's handlers for what no route answers.
 */
export class VirtualRouter {
  readonly #bound: BoundRoutes;
  #walker: RouteWalker | undefined;

  /** Made before the app binds its routes. */
  constructor(private readonly app: SailsApp) {
    this.#bound = new BoundRoutes(app);
  }

  route(request: VirtualRequest, response: VirtualResponse): void {
    const { _privateSessionMiddleware: loadSession } = this.app as SailsApp & {
      _privateSessionMiddleware?: Middleware;
    };
    if (!loadSession || request.headers.nosession) {
      this.#walk(request, response);
      return;
    }
    loadSession(request, response, (error) => {
      if (error) response.status(400).send((error as Error).stack);
      else this.#walk(request, response);
    });
  }

  #walk(request: VirtualRequest, response: VirtualResponse): void {
    this.#walker ??= new RouteWalker(this.app, this.#bound);
    this.#walker.walk(request, response, (error) => {
      if (error) {
        this.app.emit('router:request:500', error, request, response);
        return;
      }
      request.route = undefined;
      this.app.emit('router:request:404', request, response);
    });
  }
}
