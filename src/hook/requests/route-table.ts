import { isAsExpected, type Layer, type PrivateRouter } from './core-router';

/** A layer that a path matches, or that can't decode it. */
export interface Match {
  /** The layer's place in the table. */
  index: number;
  layer: Layer;
  params: Record<string, unknown>;
  error?: unknown;
}

/** The layers that a method and a path match, in order, as far as they were looked for. */
export interface Matches {
  found: Match[];
  /** Layers before this place have been looked at. */
  scanned: number;
}

/** How many paths of one method are remembered at least; twice as many at most. Clients choose paths. */
const REMEMBERED_PATHS = 100;
const LONGEST_PATH = 200;

/**
 * Finds the layers of core's route table that a request matches, once for a method and a path while the table stays as it
 * is. Whether it does is seen by looking at it: whatever changes the table, `sails.router.bind()` and the like or an app's own
 * hands, holds for the next request.
 */
export class RouteTable {
  #layers: Layer[] = [];
  #isUsable = false;
  #paths = new Map<string, RecentPaths>();

  constructor(private readonly router: PrivateRouter) {}

  /** Brings itself up to date; answers whether the table can be walked here. */
  refresh(): boolean {
    const { stack } = this.router;
    const layers = this.#layers;
    let isSame = Array.isArray(stack) && stack.length === layers.length && this.#isUsable;
    for (let index = 0; isSame && index < layers.length; index += 1) isSame = stack[index] === layers[index];
    if (!isSame) {
      this.#isUsable = isAsExpected(this.router);
      this.#layers = this.#isUsable ? [...stack] : [];
      this.#paths = new Map();
    }
    return this.#isUsable;
  }

  /** The table as it is now, for a request that begins. */
  snapshot(): readonly Layer[] {
    return this.#layers;
  }

  /** @param method in upper case, one of a few */
  matchesOf(method: string, path: string): Matches {
    let paths = this.#paths.get(method);
    if (!paths) {
      paths = new RecentPaths();
      this.#paths.set(method, paths);
    }
    return paths.of(path);
  }
}

/** The match with this number; `undefined` where there are no more. */
export function matchAt(
  layers: readonly Layer[],
  matches: Matches,
  number: number,
  method: string,
  path: string,
): Match | undefined {
  const { found } = matches;
  while (found.length <= number && matches.scanned < layers.length) {
    const index = matches.scanned;
    matches.scanned += 1;
    const layer = layers[index] as Layer;
    if (!layer.route?._handles_method(method)) continue;
    try {
      if (layer.match(path)) found.push({ index, layer, params: layer.params ?? {} });
    } catch (error) {
      found.push({ index, layer, params: {}, error });
    }
  }
  return found[number];
}

/** Remembers the paths in use: two maps, the older of which is forgotten when the newer is full. */
class RecentPaths {
  #recent = new Map<string, Matches>();
  #older = new Map<string, Matches>();

  of(path: string): Matches {
    const known = this.#recent.get(path);
    if (known) return known;
    const matches = this.#older.get(path) ?? { found: [], scanned: 0 };
    if (path.length > LONGEST_PATH) return matches;
    if (this.#recent.size >= REMEMBERED_PATHS) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(path, matches);
    return matches;
  }
}
