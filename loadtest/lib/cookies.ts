import http, { type CookieJar } from 'k6/http';

/**
 * The cookies that belong to an address, as the value of a `Cookie` header. Sockets get them this way and an empty jar
 * beside it, since a jar goes by `http:` addresses and a socket's is `ws:`.
 */
export function cookieHeader(jar: CookieJar, url: string): string {
  return Object.entries(jar.cookiesForURL(url))
    .map(([name, values]) => `${name}=${values[values.length - 1]}`)
    .join('; ');
}

export function emptyJar(): CookieJar {
  return new http.CookieJar();
}
