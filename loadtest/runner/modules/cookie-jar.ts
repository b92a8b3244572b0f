import { CookieJar as Jar } from 'tough-cookie';

/** `CookieJar` of `k6/http`, around a jar that keeps to the standard. */
export class CookieJar {
  readonly jar: Jar;

  constructor(jar = new Jar(undefined, { rejectPublicSuffixes: false })) {
    this.jar = jar;
  }

  cookiesForURL(url: string): Record<string, string[]> {
    const cookies: Record<string, string[]> = {};
    for (const { key, value } of this.jar.getCookiesSync(url)) {
      cookies[key] ??= [];
      cookies[key].push(value);
    }
    return cookies;
  }

  set(url: string, name: string, value: string): boolean {
    return this.jar.setCookieSync(`${name}=${value}; Path=/`, url) !== undefined;
  }

  clear(url: string): void {
    for (const { key } of this.jar.getCookiesSync(url)) this.delete(url, key);
  }

  delete(url: string, name: string): void {
    this.jar.setCookieSync(`${name}=; Path=/; Max-Age=0`, url);
  }
}
