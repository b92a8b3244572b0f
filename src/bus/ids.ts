import { randomBytes } from 'node:crypto';

/**
 * An Engine.IO session id or a Socket.IO socket id that names its owner:
 * 4 characters for the pod, 2 for the worker, 14 random ones (84 bits).
 * 20 characters of `[A-Za-z0-9_-]` in all, the shape that `@socket.io/sticky` expects.
 */
export type OwnedId = string;

const POD_TAG_LENGTH = 4;
const WORKER_TAG_LENGTH = 2;
const TAG_LENGTH = POD_TAG_LENGTH + WORKER_TAG_LENGTH;
const ID_LENGTH = 20;
const ID_PATTERN = /^[A-Za-z0-9_-]{20}$/;

/** How many worker tags there are; worker numbers wrap around it. */
export const WORKER_TAGS = 64 ** WORKER_TAG_LENGTH;

/** Which process an id claims to belong to. A hint, never a proof: any 20-character string can look like an id. */
export interface Owner {
  pod: string;
  worker: string;
}

/** Draws a random pod tag: 4 characters, 24 bits. */
export function randomPodTag(): string {
  return randomBytes(3).toString('base64url');
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The tag of the worker with this number: 2 characters. */
export function workerTag(number: number): string {
  const wrapped = number % WORKER_TAGS;
  return DIGITS.charAt(wrapped >> 6) + DIGITS.charAt(wrapped & 63);
}

/** Draws a new id that names this owner. */
export function generateOwnedId(owner: Owner): OwnedId {
  return (
    owner.pod +
    owner.worker +
    randomBytes(11)
      .toString('base64url')
      .slice(0, ID_LENGTH - TAG_LENGTH)
  );
}

/** Reads the owner that an id names, or `undefined` where the string has not the shape of an id. */
export function parseOwner(id: string): Owner | undefined {
  if (id.length !== ID_LENGTH || !ID_PATTERN.test(id)) return undefined;
  return { pod: id.slice(0, POD_TAG_LENGTH), worker: id.slice(POD_TAG_LENGTH, TAG_LENGTH) };
}
