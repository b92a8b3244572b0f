import type { HttpMethod } from './sails-socket.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

/** A route of the app under test. */
export interface Route {
  method: HttpMethod;
  path: string;
  /** As it was given, e.g. `GET /api/whoami`. */
  name: string;
}

/**
 * @param text e.g. `POST /loadtest/rooms/:room/join`
 * @throws Error naming the setting, its value and the form
 */
export function parseRoute(setting: string, text: string): Route {
  const [method = '', path = '', ...more] = text.trim().split(/\s+/);
  if (!METHODS.includes(method) || !path.startsWith('/') || more.length > 0) {
    throw new Error(`${setting}=${text}: give a method in capitals and a path, e.g. ${setting}="GET /api/whoami"`);
  }
  return { method: method as HttpMethod, path, name: `${method} ${path}` };
}

/** The path with its `:room` (or other parameter) filled in. */
export function pathOf(route: Route, parameters: Record<string, string>): string {
  return route.path.replace(/:([a-z]+)/gi, (whole, name: string) => {
    const value = parameters[name];
    return value === undefined ? whole : encodeURIComponent(value);
  });
}
