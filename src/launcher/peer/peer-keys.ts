import { hkdfSync } from 'node:crypto';
import { readSecrets } from '../../bus/secrets';

const KEY_BYTES = 32;

/** A key that pods prove to each other that they have. */
export type PeerKey = Buffer;

/**
 * The keys of a pod: the first proves, all are accepted, so that a secret can be changed while the fleet runs. They are
 * derived from the secrets of `FLOTILLA_PEER_SECRET` (one, or several separated by commas) where it is set, else from the
 * app's session secret, which does not leave the worker.
 */
export function derivePeerKeys(sessionSecret: unknown, env: NodeJS.ProcessEnv = process.env): PeerKey[] {
  const own = readSecrets(env.FLOTILLA_PEER_SECRET);
  if (own.length > 0) return own.map((secret) => derive(secret, 'peer secret'));
  const secrets: unknown[] = Array.isArray(sessionSecret) ? sessionSecret : [sessionSecret];
  return secrets
    .filter((secret) => typeof secret === 'string' && secret !== '')
    .map((secret) => derive(secret as string, 'session secret'));
}

function derive(secret: string, from: string): PeerKey {
  return Buffer.from(hkdfSync('sha256', secret, '', `flotilla peer, from the ${from}`, KEY_BYTES));
}
