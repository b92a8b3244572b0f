import { createHash, randomBytes } from 'node:crypto';

/** Draws the secret by which a client is given its state back. */
export function drawPrivateId(): string {
  return randomBytes(15).toString('base64url');
}

/** What a private id is known by: looking up a digest tells nobody, by the time it takes, how near a guess came. */
export function digestOf(privateId: string): string {
  return createHash('sha256').update(privateId).digest('base64url');
}
