import type session from 'express-session';
import type {
  CallSessionService,
  PeekedSession,
  SaveOutcome,
  SessionWrite,
  StoredSession,
} from './pod-session-protocol';
import type { SessionBackend } from './session-backend';
import { joinFields, splitFields } from './session-fields';

/** The pod's session service as a backend: sessions live in the process that holds the hub. */
export function podSessionBackend(call: CallSessionService): SessionBackend {
  return {
    async get(sid) {
      const stored = (await call('get', [sid])) as StoredSession | null;
      if (stored === null) return null;
      return { data: parse(stored), fieldsRead: () => splitFields(stored.data), version: stored.version };
    },
    async save(sid, { fields, cookie, base }) {
      return (await call('set', [
        sid,
        { data: joinFields(fields), cookie, base } satisfies SessionWrite,
      ])) as SaveOutcome;
    },
    async touch(sid, cookie) {
      await call('touch', [sid, cookie]);
    },
    async destroy(sid) {
      await call('destroy', [sid]);
    },
    async clear() {
      await call('clear', []);
    },
    async ids() {
      return (await call('ids', [])) as string[];
    },
    async peek(sids) {
      const rows = (await call('peek', [sids])) as PeekedSession[];
      return rows.map((row) => ({ sid: row.sid, data: parse(row.session) }));
    },
  };
}

function parse(stored: StoredSession): session.SessionData {
  return Object.assign(JSON.parse(stored.data) as object, { cookie: JSON.parse(stored.cookie) as session.Cookie });
}
