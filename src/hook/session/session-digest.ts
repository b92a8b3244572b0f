import { createHash } from 'node:crypto';

/** What a session is called outside of its process: its id is a secret. */
export function digestOfSession(id: string): string {
  return createHash('sha256').update(id).digest('base64url');
}
