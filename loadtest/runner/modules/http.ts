import { BUILT_IN_METRICS, type MetricDefinition } from '../metric-kinds';
import type { Tags } from '../tag-filter';
import type { VirtualUser } from '../virtual-user';
import { CookieJar } from './cookie-jar';
import { type Exchange, type ExchangeResult, exchange } from './http-exchange';
import { stringTags } from './metrics';
import type { SyncExchanger } from './sync-exchange';

type Body = string | ArrayBuffer | Record<string, unknown> | null | undefined;

interface Params {
  headers?: Record<string, string>;
  jar?: CookieJar;
  redirects?: number;
  responseType?: 'text' | 'binary' | 'none';
  tags?: Record<string, unknown>;
  timeout?: string | number;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_REDIRECTS = 10;

const built = (wanted: string) => BUILT_IN_METRICS.find(({ name }) => name === wanted) as MetricDefinition;
const METRICS = {
  requests: built('http_reqs'),
  duration: built('http_req_duration'),
  failed: built('http_req_failed'),
  sent: built('data_sent'),
  received: built('data_received'),
};

/** What a script gets for a request. */
export class Response {
  readonly status: number;
  readonly status_text: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly cookies: Record<string, { name: string; value: string }[]>;
  readonly body: string | ArrayBuffer | null;
  readonly timings: { duration: number };
  readonly error: string;

  constructor(url: string, result: ExchangeResult, type: Params['responseType'] = 'text') {
    this.status = result.status;
    this.status_text = `${result.status} ${result.statusText}`;
    this.url = url;
    this.headers = headersOf(result);
    this.cookies = cookiesOf(result);
    this.body = bodyOf(result, type);
    this.timings = { duration: result.durationMs };
    this.error = result.error;
  }

  json(): unknown {
    if (typeof this.body !== 'string') throw new Error(`the response of ${this.url} has no text that could be JSON`);
    return JSON.parse(this.body);
  }
}

/** `k6/http`: `asyncRequest` in virtual users, the synchronous calls in `setup` and `teardown`. */
export function httpModule(vu: VirtualUser, synchronous: () => SyncExchanger) {
  const asyncRequest = async (method: string, url: string, body?: Body, params: Params = {}): Promise<Response> => {
    let end: (() => void) | undefined;
    const over = vu.work.begin(() => end?.());
    try {
      const agent = url.startsWith('https:') ? vu.httpsAgent : vu.httpAgent;
      const steps = follow(vu, method, url, body, params);
      let step = steps.next();
      while (!step.done) {
        const result = await exchange(step.value, agent, (abort) => {
          end = abort;
        });
        step = steps.next(result);
      }
      return step.value;
    } finally {
      over();
    }
  };

  const request = (method: string, url: string, body?: Body, params: Params = {}): Response => {
    if (vu.phase !== 'setup' && vu.phase !== 'teardown') {
      throw new Error(
        `http.${method.toLowerCase()}() blocks everything else: use http.asyncRequest() in virtual users`,
      );
    }
    const steps = follow(vu, method, url, body, params);
    let step = steps.next();
    while (!step.done) step = steps.next(synchronous().exchange(step.value));
    return step.value;
  };

  const module = {
    asyncRequest,
    request,
    get: (url: string, params?: Params) => request('GET', url, null, params),
    head: (url: string, params?: Params) => request('HEAD', url, null, params),
    post: (url: string, body?: Body, params?: Params) => request('POST', url, body, params),
    put: (url: string, body?: Body, params?: Params) => request('PUT', url, body, params),
    patch: (url: string, body?: Body, params?: Params) => request('PATCH', url, body, params),
    del: (url: string, body?: Body, params?: Params) => request('DELETE', url, body, params),
    options: (url: string, body?: Body, params?: Params) => request('OPTIONS', url, body, params),
    cookieJar: () => new CookieJar(vu.jar),
    CookieJar,
  };
  return { default: module, ...module };
}

/** The requests that one call takes, redirects included; each is handed out, and its result taken back. */
function* follow(
  vu: VirtualUser,
  method: string,
  url: string,
  body: Body,
  params: Params,
): Generator<Exchange, Response, ExchangeResult> {
  const jar = params.jar?.jar ?? vu.jar;
  const timeoutMs = timeoutOf(params.timeout);
  let verb = method.toUpperCase();
  let address = url;
  let { content, type } = contentOf(body);
  for (let redirects = params.redirects ?? DEFAULT_REDIRECTS; ; redirects -= 1) {
    const headers: Record<string, string> = { 'User-Agent': 'flotilla-loadtest', ...type, ...params.headers };
    const cookies = jar.getCookieStringSync(address);
    if (cookies) headers.Cookie = headers.Cookie ? `${headers.Cookie}; ${cookies}` : cookies;
    const result = yield { method: verb, url: address, headers, body: content, timeoutMs };

    for (const cookie of rawHeader(result, 'set-cookie')) {
      jar.setCookieSync(cookie, address, { ignoreError: true });
    }
    measure(vu, verb, address, result, content, params.tags);
    const location = rawHeader(result, 'location')[0];
    if (!location || ![301, 302, 303, 307, 308].includes(result.status) || redirects <= 0) {
      return new Response(address, result, params.responseType);
    }
    address = new URL(location, address).href;
    if (result.status < 307 && verb !== 'HEAD') {
      verb = 'GET';
      content = undefined;
      type = {};
    }
  }
}

function measure(
  vu: VirtualUser,
  method: string,
  url: string,
  result: ExchangeResult,
  content: Exchange['body'],
  more: Params['tags'],
): void {
  const failed = result.status < 200 || result.status >= 400;
  const tags: Tags = { method, name: url, url, status: `${result.status}`, expected_response: `${!failed}` };
  if (more) {
    Object.assign(tags, stringTags(more));
    if (more.name !== undefined) tags.url = String(more.name);
  }
  vu.sample(METRICS.requests, 1, tags);
  vu.sample(METRICS.duration, result.durationMs, tags);
  vu.sample(METRICS.failed, failed ? 1 : 0, tags);
  vu.sample(METRICS.sent, content?.length ?? 0);
  vu.sample(METRICS.received, result.body.length);
}

function contentOf(body: Body): { content?: string | Uint8Array; type: Record<string, string> } {
  if (body === null || body === undefined) return { type: {} };
  if (typeof body === 'string') return { content: body, type: {} };
  if (body instanceof ArrayBuffer) return { content: new Uint8Array(body), type: {} };
  const form = new URLSearchParams(
    Object.entries(body).map(([name, value]): [string, string] => [name, String(value)]),
  );
  return { content: form.toString(), type: { 'Content-Type': 'application/x-www-form-urlencoded' } };
}

function timeoutOf(timeout: Params['timeout']): number {
  if (timeout === undefined) return DEFAULT_TIMEOUT_MS;
  if (typeof timeout === 'number') return timeout;
  const match = /^([\d.]+)(ms|s|m)$/.exec(timeout);
  if (!match) throw new Error(`timeout: "${timeout}" is no time such as "30s"`);
  return Number(match[1]) * { ms: 1, s: 1000, m: 60_000 }[match[2] as 'ms' | 's' | 'm'];
}

function* rawPairs({ rawHeaders }: ExchangeResult): Generator<[string, string]> {
  for (let at = 0; at < rawHeaders.length; at += 2) yield [rawHeaders[at] as string, rawHeaders[at + 1] as string];
}

function rawHeader(result: ExchangeResult, wanted: string): string[] {
  return [...rawPairs(result)].filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
}

/** Names as Go writes them, `Content-Type`, which is what scripts look for. */
function headersOf(result: ExchangeResult): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of rawPairs(result)) {
    const canonical = name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
    headers[canonical] = canonical in headers ? `${headers[canonical]}, ${value}` : value;
  }
  return headers;
}

function cookiesOf(result: ExchangeResult): Response['cookies'] {
  const cookies: Response['cookies'] = {};
  for (const line of rawHeader(result, 'set-cookie')) {
    const [, name = '', value = ''] = /^([^=;]+)=([^;]*)/.exec(line) ?? [];
    cookies[name] ??= [];
    cookies[name].push({ name, value });
  }
  return cookies;
}

function bodyOf(result: ExchangeResult, type: Params['responseType']): Response['body'] {
  if (type === 'none' || result.status === 0) return null;
  return type === 'binary' ? new Uint8Array(result.body).buffer : Buffer.from(result.body).toString('utf8');
}
