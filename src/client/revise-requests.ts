import type { Jwr, RequestCallback, RequestOptions, SailsSettings, SailsSocket } from './types';

/** So often a request is sent again at most. */
const RETRIES = 3;

type RequestingSocket = SailsSocket & { _raw?: { active: boolean } };

/**
 * A request whose connection ended before its answer came fails with `statusCode` 0 and a `jwr.error`; or it is sent again
 * over the next connection, where `io.sails.retryRequests` names its method.
 */
export function reviseRequests(prototype: RequestingSocket, settings: SailsSettings): void {
  const { request } = prototype;
  /** Callbacks of requests that have been through here: those that waited for a connection come again. */
  const revised = new WeakSet<RequestCallback>();
  prototype.request = function (this: RequestingSocket, options: RequestOptions, callback?: RequestCallback) {
    if (typeof callback !== 'function' || revised.has(callback)) return request.call(this, options, callback);
    let retriesLeft = mayRetry(settings, options) ? RETRIES : 0;
    const answered = (body: unknown, jwr: Jwr) => {
      if (wasCutOff(body, jwr)) {
        if (retriesLeft > 0 && this._raw?.active) {
          retriesLeft -= 1;
          request.call(this, options, answered);
          return;
        }
        jwr.error ??= body;
      }
      callback.call(this, body, jwr);
    };
    revised.add(answered);
    return request.call(this, options, answered);
  };
}

function mayRetry({ retryRequests }: SailsSettings, options: RequestOptions): boolean {
  const method = typeof options?.method === 'string' ? options.method : 'get';
  return retryRequests.some((each) => each.toLowerCase() === method.toLowerCase());
}

function wasCutOff(body: unknown, jwr: Jwr): body is Error {
  return jwr.statusCode === 0 && body instanceof Error;
}
