import { createHash, timingSafeEqual } from 'node:crypto';

/** Reads the secrets of a variable: one, or several separated by commas while they are being changed; the first is the one to use. */
export function readSecrets(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((secret) => secret.trim())
    .filter(Boolean);
}

/** A secret that callers name. Hashes have one length, so comparing takes the same time whatever was named. */
export class AccessToken {
  readonly #digest: Buffer;

  constructor(token: string) {
    this.#digest = digestOf(token);
  }

  is(candidate: string): boolean {
    return timingSafeEqual(digestOf(candidate), this.#digest);
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
