import type { SailsApp } from '../../types/sails';
import type { BoundRoute, BoundRoutes } from './bound-routes';
import type { Handler, Layer, Next, PrivateRouter } from './core-router';
import { copyOf, fillIn } from './route-options';
import { type Match, type Matches, matchAt, RouteTable } from './route-table';
import type { VirtualRequest } from './virtual-request';
import type { VirtualResponse } from './virtual-response';

/** The router answers OPTIONS and HEAD in ways of its own: they are left to it. */
const WALKED_METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** So many handlers may call the next one in a row before the stack is given up, as in the router. */
const MOST_IN_A_ROW = 100;

/** Leads virtual requests through core's route table as its private router does, with less work for each. */
export class RouteWalker {
  readonly #router: PrivateRouter;
  readonly #table: RouteTable;
  readonly #mixins: ParameterMixins;

  constructor(
    private readonly app: SailsApp,
    private readonly bound: BoundRoutes,
  ) {
    this.#router = (app.router as unknown as { _privateRouter: PrivateRouter })._privateRouter;
    this.#table = new RouteTable(this.#router);
    this.#mixins = new ParameterMixins(app);
  }

  /** Calls back where no route answers, or with what one has passed on. */
  walk(request: VirtualRequest, response: VirtualResponse, done: Next): void {
    if (!WALKED_METHODS.has(request.method) || !this.#table.refresh()) {
      this.#router(request, response, done);
      return;
    }
    const announce = this.#mixins.areCoresOnly() ? undefined : this.app;
    new Walk(this.#table, this.bound, announce, request, response, done).begin();
  }
}

/** One request on its way. */
class Walk {
  readonly #layers: readonly Layer[];
  #matches: Matches;
  #number = 0;
  /** Where in the table the last handler was. */
  #index = -1;
  #url: string;
  #method: string;
  #path: string;
  /** The options made here, unlike those that the app puts in their place. */
  #ownOptions: Record<string, unknown> | undefined;
  #inARow = 0;
  readonly #baseUrl: string | undefined;

  constructor(
    private readonly table: RouteTable,
    private readonly bound: BoundRoutes,
    /** Set where somebody listens to `router:route`. */
    private readonly announce: SailsApp | undefined,
    private readonly request: VirtualRequest,
    private readonly response: VirtualResponse,
    private readonly done: Next,
  ) {
    this.#layers = table.snapshot();
    this.#url = request.url;
    this.#method = request.method;
    this.#path = request.path;
    this.#matches = table.matchesOf(this.#method, this.#path);
    this.#baseUrl = request.baseUrl;
  }

  begin(): void {
    const { request } = this;
    request.next = this.next;
    request.baseUrl ??= '';
    this.next();
  }

  readonly next = (error?: unknown): void => {
    if (error && error !== 'route') {
      // Layers for errors there are none. `router` leaves the table without an error.
      this.#finish(error === 'router' ? undefined : error);
      return;
    }
    this.#inARow += 1;
    if (this.#inARow > MOST_IN_A_ROW) {
      this.#inARow = 0;
      setImmediate(this.next);
      return;
    }
    const { request } = this;
    if (request.url !== this.#url || request.method !== this.#method) this.#follow();
    const match = matchAt(this.#layers, this.#matches, this.#number, this.#method, this.#path);
    if (!match) {
      this.#finish(undefined);
      return;
    }
    this.#number += 1;
    this.#index = match.index;
    if (match.error !== undefined) this.#finish(match.error);
    else this.#meet(match);
  };

  /** A handler has changed the URL or the method: what follows goes by the new ones. */
  #follow(): void {
    const { request, table } = this;
    if (request.url !== this.#url) this.#path = pathOf(request.url);
    this.#url = request.url;
    this.#method = request.method;
    this.#matches = table.snapshot() === this.#layers ? table.matchesOf(this.#method, this.#path) : freshMatches();
    this.#number = 0;
    for (;;) {
      const match = matchAt(this.#layers, this.#matches, this.#number, this.#method, this.#path);
      if (!match || match.index > this.#index) return;
      this.#number += 1;
    }
  }

  #meet({ layer, params }: Match): void {
    const { request, response, next } = this;
    const route = layer.route as NonNullable<Layer['route']>;
    request.params = { ...params };
    request.route = route;
    const [only] = route.stack;
    const isPlain = route.stack.length === 1 && only && only.handle.length <= 3;
    if (!isPlain) {
      layer.handle_request(request, response, next);
      return;
    }
    try {
      const bound = this.bound.of(only.handle);
      if (bound) this.#call(bound);
      else only.handle(request, response, next);
    } catch (error) {
      next(error);
    }
    this.#inARow = 0;
  }

  /** What core's function around a handler does. */
  #call({ options, fn, isAsync, copiesSession }: BoundRoute): void {
    const { request, response, next } = this;
    this.#putOptions(options);
    this.announce?.emit('router:route', { req: request, res: response, next, options, fn });
    if (copiesSession) {
      this.#callUnseen(fn);
      return;
    }
    const returned = fn(request, response, next);
    if (isAsync) (returned as Promise<unknown>).catch((error) => next(error));
  }

  #callUnseen(fn: Handler): void {
    const { request, response, next } = this;
    request.isSessionHidden = true;
    try {
      fn(request, response, (error) => {
        request.isSessionHidden = false;
        next(error);
      });
    } finally {
      request.isSessionHidden = false;
    }
  }

  #putOptions(defaults: Record<string, unknown>): void {
    const { request } = this;
    let own = this.#ownOptions;
    if (!own || request.options !== own) {
      own = (copyOf(request.options) as Record<string, unknown> | undefined) ?? {};
      this.#ownOptions = own;
      request.options = own;
    }
    fillIn(own, defaults);
  }

  #finish(error: unknown): void {
    const { request } = this;
    request.baseUrl = this.#baseUrl;
    request.params = [];
    request.next = undefined;
    this.done(error);
  }
}

function freshMatches(): Matches {
  return { found: [], scanned: 0 };
}

function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}

/**
 * Core's request hook listens to `router:route` and gives each request `param()` and `allParams()` again, at every route. Virtual
 * requests have them from the start; where nobody else listens, the event is left out.
 */
class ParameterMixins {
  #known: unknown;
  #isCores = false;

  constructor(private readonly app: SailsApp) {}

  areCoresOnly(): boolean {
    const count = this.app.listenerCount('router:route');
    if (count !== 1) return count === 0;
    const [listener] = this.app.listeners('router:route');
    if (listener !== this.#known) {
      this.#known = listener;
      const source = String(listener);
      const calls = source.match(/_mixin\w+\(/g) ?? [];
      this.#isCores = calls.length === 2 && calls.includes('_mixinReqParamsAll(') && calls.includes('_mixinReqParam(');
    }
    return this.#isCores;
  }
}
