import { createPodSessionAdapter } from '../session/pod-session-adapter';
import type { HookRuntime } from './runtime';

/**
 * Under a primary of ours, keeps sessions in the primary where the app has configured no store of its own: with the
 * default store each worker would have its own sessions.
 */
export function usePodSessions(runtime: HookRuntime): void {
  const { app, fleet, identity } = runtime;
  const { session } = app.config;
  if (!fleet || !identity.hubPath || !session || !app.hooks.session) return;
  if (session.store || (session.adapter && session.adapter !== 'memory')) return;
  session.adapter = createPodSessionAdapter((method, args) => fleet.call('session', method, args));
}
