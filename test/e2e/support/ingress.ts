import { once } from 'node:events';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { io, type Socket } from 'socket.io-client';

/** Where the ingress controller listens. */
const ADDRESS = process.env.E2E_INGRESS ?? '127.0.0.1';

/** Every name is the ingress controller. */
const lookup: LookupFunction = (_host, options, callback) => {
  const family = isIP(ADDRESS);
  if (options.all) callback(null, [{ address: ADDRESS, family }]);
  else callback(null, ADDRESS, family);
};

/** Answer to a virtual request. */
export interface Answer<T> {
  body: T;
  statusCode: number;
}

export interface WhoAmI {
  pod: string;
  worker: number;
  pid: number;
}

/** The app as its users reach it, through the ingress controller. */
export class Site {
  private readonly agent: HttpAgent | HttpsAgent;

  /** @param url such as `https://counter.localhost`; its certificate may be of anybody's */
  constructor(readonly url: string) {
    const options = { keepAlive: true, lookup, rejectUnauthorized: false };
    this.agent = url.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /** For clients that look names up by themselves: the ingress controller, to which `headers` say the name. */
  get address(): string {
    const url = new URL(this.url);
    url.hostname = isIP(ADDRESS) === 6 ? `[${ADDRESS}]` : ADDRESS;
    return url.origin;
  }

  /** Of a browser on a page of this site. */
  get headers(): { host: string; origin: string } {
    return { host: new URL(this.url).host, origin: this.url };
  }

  /** Settles with the status of an answer that came as a whole. */
  async get(path: string): Promise<number> {
    return (await this.request(path)).statusCode ?? 0;
  }

  /** Names of the cookies that somebody without any is given. */
  async cookies(path: string): Promise<string[]> {
    const { headers } = await this.request(path);
    return (headers['set-cookie'] ?? []).map((cookie) => cookie.split('=', 1)[0] ?? '');
  }

  private async request(path: string, timeoutMs = 10_000): Promise<IncomingMessage> {
    const send = this.url.startsWith('https:') ? httpsRequest : httpRequest;
    const request = send(new URL(path, this.url), { agent: this.agent });
    request.setTimeout(timeoutMs, () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    return response;
  }

  /** A client that comes back by itself. It has its own cookies, as a browser has. */
  socket(transports: ('websocket' | 'polling')[]): Socket {
    return this.connect('/', transports, {});
  }

  /** A client in the namespace of `flotilla probe`, which has no session. */
  probe(token: string): Socket {
    return this.connect('/flotilla-probe', ['websocket'], { token });
  }

  private connect(namespace: string, transports: ('websocket' | 'polling')[], auth: object): Socket {
    return io(new URL(namespace, this.url).href, {
      transports,
      auth,
      forceNew: true,
      withCredentials: true,
      rejectUnauthorized: false,
      reconnectionDelay: 200,
      reconnectionDelayMax: 1_000,
      // as a browser names the page that it comes from
      extraHeaders: { origin: this.url },
      query: { __sails_io_sdk_version: '1.2.1' },
      agent: this.agent as unknown as string,
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

/** Settles when the socket is connected. */
export async function connected(socket: Socket, timeoutMs = 20_000): Promise<Socket> {
  const signal = AbortSignal.timeout(timeoutMs);
  while (!socket.connected) {
    await new Promise<void>((resolve, reject) => {
      const failed = () => reject(new Error(`socket not connected within ${timeoutMs} ms`));
      signal.addEventListener('abort', failed, { once: true });
      socket.once('connect', () => {
        signal.removeEventListener('abort', failed);
        resolve();
      });
    });
  }
  return socket;
}

/** A virtual request, as sails.io.js sends it. */
export async function ask<T>(
  socket: Socket,
  method: 'get' | 'post',
  url: string,
  timeoutMs = 10_000,
): Promise<Answer<T>> {
  return (await socket.timeout(timeoutMs).emitWithAck(method, { method, url, data: {}, headers: {} })) as Answer<T>;
}

export async function whoAmI(socket: Socket): Promise<WhoAmI> {
  const { statusCode, body } = await ask<WhoAmI>(socket, 'get', '/api/whoami');
  if (statusCode !== 200) throw new Error(`/api/whoami: ${statusCode}`);
  return body;
}

/** Settles with the first argument of the next such event. */
export function arrives<T>(socket: Socket, event: string, timeoutMs = 10_000): Promise<T> {
  const arrival = new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} within ${timeoutMs} ms`)), timeoutMs);
    socket.once(event, (data: T) => {
      clearTimeout(timer);
      resolve(data);
    });
  });
  // Whoever waits for it hears of a failure; nobody may yet.
  arrival.catch(() => {});
  return arrival;
}
