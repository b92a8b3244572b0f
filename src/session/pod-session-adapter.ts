import { podSessionBackend } from './pod-session-backend';
import type { CallSessionService } from './pod-session-protocol';
import { createSessionAdapter, type SessionAdapter, type SessionStoreSettings } from './session-adapter';

/** Makes the session adapter whose sessions live in the pod's session service. */
export function createPodSessionAdapter(call: CallSessionService, settings?: SessionStoreSettings): SessionAdapter {
  return createSessionAdapter(podSessionBackend(call), settings);
}
