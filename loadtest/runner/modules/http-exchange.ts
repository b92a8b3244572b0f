import { type Agent, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** One request without redirects, as plain data, so that it can cross to another thread. */
export interface Exchange {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string | Uint8Array;
  timeoutMs: number;
}

export interface ExchangeResult {
  /** 0 where there was no response. */
  status: number;
  statusText: string;
  /** As they came: name, value, name, value. */
  rawHeaders: string[];
  body: Uint8Array;
  durationMs: number;
  error: string;
}

/** Makes one request; its failure is part of the result. */
export function exchange(
  order: Exchange,
  agent?: Agent,
  onRequest?: (abort: () => void) => void,
): Promise<ExchangeResult> {
  const begun = performance.now();
  return new Promise((resolve) => {
    const finish = (result: Partial<ExchangeResult>) =>
      resolve({
        status: 0,
        statusText: '',
        rawHeaders: [],
        body: new Uint8Array(),
        error: '',
        durationMs: performance.now() - begun,
        ...result,
      });
    const send = order.url.startsWith('https:') ? httpsRequest : httpRequest;
    const request = send(order.url, { method: order.method, headers: order.headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', (error) => finish({ error: error.message }));
      response.once('end', () =>
        finish({
          status: response.statusCode ?? 0,
          statusText: response.statusMessage ?? '',
          rawHeaders: response.rawHeaders,
          body: Buffer.concat(chunks),
        }),
      );
    });
    request.setTimeout(order.timeoutMs, () =>
      request.destroy(new Error(`request timeout after ${order.timeoutMs} ms`)),
    );
    request.once('error', (error) => finish({ error: error.message }));
    onRequest?.(() => request.destroy(new Error('the iteration is over')));
    request.end(order.body);
  });
}
