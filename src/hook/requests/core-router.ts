import type { VirtualRequest } from './virtual-request';
import type { VirtualResponse } from './virtual-response';

/*
 * The part of core's private router (@sailshq/router 1, after Express' router) that is relied on here. Anything that is not
 * as described leaves the work to that router itself.
 */

export type Next = (error?: unknown) => void;

export type Handler = (request: VirtualRequest, response: VirtualResponse, next: Next) => unknown;

/** A handler within a route. */
export interface HandlerLayer {
  method?: string;
  handle: Handler;
}

/** What a path is bound to. */
export interface Route {
  path: unknown;
  stack: HandlerLayer[];
  _handles_method(method: string): boolean;
}

/** One entry of the route table. */
export interface Layer {
  route?: Route;
  params?: Record<string, unknown>;
  /** Whether a path matches; leaves its parameters in `params`. Throws where one can't be decoded. */
  match(path: string): boolean;
  handle_request(request: VirtualRequest, response: VirtualResponse, next: Next): void;
}

/** `sails.router._privateRouter` */
export interface PrivateRouter {
  (request: VirtualRequest, response: VirtualResponse, done: Next): void;
  stack: Layer[];
  /** Callbacks for parameters by name; Sails has none. */
  params: object;
  mergeParams?: unknown;
}

/** Whether all layers are routes, as Sails binds them. */
export function isAsExpected(router: PrivateRouter): boolean {
  if (typeof router !== 'function' || !Array.isArray(router.stack) || router.mergeParams) return false;
  if (Object.keys(router.params ?? {}).length > 0) return false;
  return router.stack.every(
    (layer) =>
      typeof layer.match === 'function' &&
      typeof layer.handle_request === 'function' &&
      Array.isArray(layer.route?.stack) &&
      typeof layer.route._handles_method === 'function',
  );
}
