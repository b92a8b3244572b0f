import type { IncomingMessage } from 'node:http';
import { inspect } from 'node:util';
import type { SailsLog } from '../../types/sails';
import { HandshakePace } from '../limits/handshake-pace';
import type { HookRuntime } from '../runtime';
import { refuseHandshake } from '../session/unavailable';
import type { BeforeConnect, HandshakeRequest } from '../settings/sockets-settings';
import { refuseHandshakeForNow } from './refuse-handshake';

type Decide = (error: string | null | undefined, allow: boolean) => void;

/** What Engine.IO is told of a refusal that was not `beforeConnect`'s; the counters read it. */
export const REFUSED = {
  lowering: 'The server is shutting down',
  'session-unavailable': 'Sessions are not available',
  'too-many': 'Too many handshakes at once',
  gone: 'The client has gone',
} as const;

/** Whoever comes back after this finds the balancer's next pod, or the next worker. */
const LOWERING_RETRY_AFTER_S = 1;

/**
 * Engine.IO's `allowRequest`: runs `beforeConnect` when the handshake's turn has come. Once the app drains nobody new is let
 * in, and whoever waits in line still is; once it is being lowered nobody is.
 */
export function makeAllowRequest(runtime: HookRuntime): (request: IncomingMessage, decide: Decide) => void {
  const pace = new HandshakePace(runtime);
  runtime.cleanups.push(() => pace.close());
  return (request, decide) => {
    if (runtime.draining || runtime.lowering) {
      refuseAsLowering(request, decide);
      return;
    }
    pace.take(request, (turn) => {
      if (request.socket.destroyed) decide(REFUSED.gone, false);
      else if (turn === 'over' || runtime.lowering) refuseAsLowering(request, decide);
      else if (turn === 'too-many') {
        const message = 'Too many clients connect at once: try again later.';
        refuseHandshakeForNow(request, { code: 'E_TOO_MANY_HANDSHAKES', message }, pace.retryAfterSeconds, () =>
          decide(REFUSED['too-many'], false),
        );
      } else admit(runtime, request, decide);
    });
  };
}

function refuseAsLowering(request: IncomingMessage, decide: Decide): void {
  const reason = { code: 'E_LOWERING', message: 'The server is shutting down: try again.' };
  refuseHandshakeForNow(request, reason, LOWERING_RETRY_AFTER_S, () => decide(REFUSED.lowering, false));
}

function admit(runtime: HookRuntime, request: IncomingMessage, decide: Decide): void {
  const { beforeConnect } = runtime.app.config.sockets;
  if (!beforeConnect) {
    prepareSession(runtime, request, decide);
    return;
  }
  runBeforeConnect(beforeConnect, request as HandshakeRequest, (error, allow) => {
    if (allow) {
      prepareSession(runtime, request, decide);
      return;
    }
    logRefusal(runtime.app.log, request, error);
    decide(error === undefined || error === null ? null : textOf(error), allow);
  });
}

/** Lets a client in once its session is there; where sessions are not available, with 503 the client tries again later. */
function prepareSession(runtime: HookRuntime, request: IncomingMessage, decide: Decide): void {
  runtime.sessions.prepare(request).then(
    () => decide(null, true),
    (error) => {
      runtime.app.log.verbose('A socket was refused: its session can not be loaded.', error);
      refuseHandshake(request, () => decide(REFUSED['session-unavailable'], false));
    },
  );
}

/** The first decision counts: the callback's, a returned boolean, a promise's boolean, or a thrown error. */
function runBeforeConnect(
  beforeConnect: BeforeConnect,
  handshake: HandshakeRequest,
  done: (error: unknown, allow: boolean) => void,
): void {
  let decided = false;
  const decide = (error: unknown, allow: unknown) => {
    if (decided) return;
    decided = true;
    done(error, Boolean(allow));
  };
  const takesCallback = beforeConnect.length >= 2;
  const considerReturned = (value: unknown, isFinal: boolean) => {
    if (typeof value === 'boolean') decide(undefined, value);
    else if (isFinal && !takesCallback) {
      decide(new Error('`beforeConnect` takes no callback and did not return true or false'), false);
    }
  };
  try {
    const returned = beforeConnect(handshake, decide);
    if (isThenable(returned)) {
      returned.then(
        (value) => considerReturned(value, true),
        (error) => decide(error ?? new Error('`beforeConnect` was rejected'), false),
      );
    } else {
      considerReturned(returned, true);
    }
  } catch (error) {
    decide(error, false);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function textOf(error: unknown): string {
  return typeof error === 'string' ? error : String(error);
}

function logRefusal(log: SailsLog, request: IncomingMessage, error: unknown): void {
  const level = process.env.NODE_ENV === 'production' ? 'verbose' : 'debug';
  const reason = error ? ` Reason: ${inspect(error)}` : '';
  log[level](
    `A socket was refused by \`sails.config.sockets.beforeConnect\`.${reason} Its headers: ${inspect(request.headers)}`,
  );
}
