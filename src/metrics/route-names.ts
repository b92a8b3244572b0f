/** Routes that get a name of their own in the metrics of one process. */
const MOST_ROUTES = 200;
const LONGEST_NAME = 120;

/**
 * Names routes for the metrics: by their patterns, which come from the app's configuration and never from clients, and no
 * more than 200 of them. Beyond that a route is `other`; a request that met none is `unmatched`.
 */
export class RouteNames {
  readonly #names = new Map<unknown, string>();

  /** @param route the route's pattern: text, a regular expression, or several of them */
  of(route: unknown): string {
    if (route === undefined) return 'unmatched';
    const known = this.#names.get(route);
    if (known !== undefined) return known;
    if (this.#names.size >= MOST_ROUTES) return 'other';
    const name = String(route).slice(0, LONGEST_NAME);
    this.#names.set(route, name);
    return name;
  }
}
