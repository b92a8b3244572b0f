import type { SailsApp } from '../../types/sails';
import type { HookRuntime } from '../runtime';
import { refuseHttp } from './unavailable';
import { loadVirtualSession, type VirtualSessionRequest, type VirtualSessionResponse } from './virtual-session';

type SessionMiddleware = (
  request: object,
  response: Parameters<typeof refuseHttp>[0] & { headersSent?: boolean },
  next: (error?: unknown) => void,
) => void;

/**
 * Takes core's session middleware in hand as soon as it exists, before the http hook does: requests over sockets get a
 * loader of their own; over HTTP it stays core's, and a store that is out of reach is answered with 503 in place of core's
 * 400 with a stack trace.
 */
export function installSessions(runtime: HookRuntime): void {
  const app = runtime.app as SailsApp & { _privateSessionMiddleware?: SessionMiddleware };
  if (!app.hooks.session) return;
  app.after('hook:session:loaded', () => {
    const { _privateSessionMiddleware: ofCore } = app;
    if (!ofCore) return;
    app._privateSessionMiddleware = (request, response, next) => {
      if (isVirtual(request)) {
        loadVirtualSession(runtime, request, response as unknown as VirtualSessionResponse, next);
        return;
      }
      ofCore(request, response, (error) => {
        if ((error as { code?: string } | undefined)?.code !== 'E_SESSION_UNAVAILABLE') {
          next(error);
          return;
        }
        app.log.verbose('The session of a request is not available.', error);
        // Where it was to be saved after the answer there is nobody left to tell.
        if (!response.headersSent) refuseHttp(response);
      });
    };
  });
}

/** Whether it is a virtual request of this hook's own. */
function isVirtual(request: object): request is VirtualSessionRequest {
  return 'offerSession' in request;
}
