import { SessionError } from './errors';
import type { CookieWrite, PodSessionService, SessionWrite } from './pod-session-protocol';
import { type PodSessionOptions, readPodSessionSettings } from './pod-session-settings';
import { PodSessionStore } from './pod-session-store';

/**
 * Makes the pod's session store, to be offered by the hub under the name `session`: it lives where the hub lives, and
 * workers reach it through the store class of `createPodSessionAdapter`.
 * @throws SessionError `E_SESSION_SETTING`
 */
export function createPodSessionService(options: PodSessionOptions = {}): PodSessionService {
  const store = new PodSessionStore(readPodSessionSettings(options));

  const service = (method: string, args: unknown[]): unknown => {
    switch (method) {
      case 'get':
        return store.get(textAt(args, 0, method));
      case 'set':
        return store.set(textAt(args, 0, method), objectAt<SessionWrite>(args, 1, method));
      case 'touch':
        return store.touch(textAt(args, 0, method), args[1] === null ? null : objectAt<CookieWrite>(args, 1, method));
      case 'destroy':
        return store.destroy(textAt(args, 0, method));
      case 'clear':
        return store.clear();
      case 'length':
        return store.ids().length;
      case 'ids':
        return store.ids();
      case 'peek':
        return store.peek(objectAt<string[]>(args, 0, method));
      default:
        throw new SessionError('E_SESSION_REQUEST', `The pod's session store has no method ${JSON.stringify(method)}.`);
    }
  };
  return Object.assign(service, { stats: () => store.stats(), close: () => store.close() });
}

function textAt(args: unknown[], index: number, method: string): string {
  const value = args[index];
  if (typeof value === 'string') return value;
  throw badArgument(method, index, 'a string', value);
}

function objectAt<T extends object>(args: unknown[], index: number, method: string): T {
  const value = args[index];
  if (typeof value === 'object' && value !== null) return value as T;
  throw badArgument(method, index, 'an object', value);
}

function badArgument(method: string, index: number, wanted: string, value: unknown): SessionError {
  return new SessionError(
    'E_SESSION_REQUEST',
    `The pod's session store was called with ${value === null ? 'null' : typeof value} as argument ${index + 1} of ${method}, which takes ${wanted}: are all workers of this pod of one version?`,
  );
}
