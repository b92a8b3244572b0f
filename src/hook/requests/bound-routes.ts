import type { SailsApp } from '../../types/sails';
import type { Handler } from './core-router';

/** What core has bound to a path: its router only knows a function around it. */
export interface BoundRoute {
  /** The options of the route, which `req.options` begins with. */
  options: Record<string, unknown>;
  /** The handler itself. */
  fn: Handler;
  isAsync: boolean;
  /** It is the one by which core's request hook puts the session among the locals, without looking at it. */
  copiesSession: boolean;
}

/** What core tells of each route that it binds. */
interface RouteBound {
  path: unknown;
  target: Handler;
  options: Record<string, unknown>;
  originalFn: Handler & { _middlewareType?: unknown };
}

/** Listens to core's binding of routes, and remembers what its functions stand for as long as they exist. */
export class BoundRoutes {
  readonly #byTarget = new WeakMap<Handler, BoundRoute>();

  constructor(app: SailsApp) {
    app.on('router:bind', (bound: RouteBound) => this.#add(bound));
  }

  /** What a function of the route table stands for; `undefined` where it does more than to call a handler. */
  of(target: Handler): BoundRoute | undefined {
    return this.#byTarget.get(target);
  }

  #add({ path, target, options, originalFn }: RouteBound): void {
    // Of a pattern, or with patterns to skip, core's function does more.
    const isPlain = typeof path === 'string' && Array.isArray(options?.skipRegex) && options.skipRegex.length === 0;
    if (!isPlain || typeof target !== 'function' || typeof originalFn !== 'function') return;
    this.#byTarget.set(target, {
      options,
      fn: originalFn,
      isAsync: originalFn.constructor.name === 'AsyncFunction',
      copiesSession: originalFn._middlewareType === 'REQUEST HOOK: addMixins',
    });
  }
}
