import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Owner } from '../../bus/ids';
import type { PeerKey } from './peer-keys';

/**
 * How two pods greet on a new connection, before HTTP is spoken on it. The listener sends a challenge; the dialer says
 * which worker it wants and proves that it has a key; the listener answers and proves the same. Neither sends the key, and
 * nothing that was overheard can be used again.
 *
 * challenge: magic (4), nonce (16). request: magic (4), pod tag (4), worker tag (2), nonce (16), proof (32).
 * answer: verdict (1), proof (32; zeros where the request was not believed, since there is no key to prove).
 */
const MAGIC = Buffer.from('FLP1', 'latin1');
/** The same where TLS follows on the greeting: both sides have to be of one mind. */
const MAGIC_TLS = Buffer.from('FLT1', 'latin1');
const NONCE_BYTES = 16;
const TAGS_BYTES = 6;
const PROOF_BYTES = 32;

export const CHALLENGE_BYTES = MAGIC.length + NONCE_BYTES;
export const REQUEST_BYTES = MAGIC.length + TAGS_BYTES + NONCE_BYTES + PROOF_BYTES;
export const ANSWER_BYTES = 1 + PROOF_BYTES;

/** `accepted`: HTTP may begin. `gone`: this pod has no such worker. */
export type Verdict = 'accepted' | 'gone';

/** The answer to a request that is not believed. */
export const REFUSAL = Buffer.concat([Buffer.from([0x52]), Buffer.alloc(PROOF_BYTES)]);

const VERDICT_BYTES: Record<Verdict, number> = { accepted: 0x41, gone: 0x47 };

/** A request that a listener believes. */
export interface BelievedRequest {
  owner: Owner;
  /** Makes the answer to it. */
  answer(verdict: Verdict): Buffer;
}

/** The listener's part for one connection. */
export class ListenerHandshake {
  readonly challenge: Buffer;
  readonly #magic: Buffer;

  /** @param speaksTls whether TLS follows */
  constructor(
    private readonly keys: readonly PeerKey[],
    speaksTls = false,
  ) {
    this.#magic = speaksTls ? MAGIC_TLS : MAGIC;
    this.challenge = Buffer.concat([this.#magic, randomBytes(NONCE_BYTES)]);
  }

  /** Reads a request; `undefined` where it is none, or does not prove one of our keys. */
  believe(request: Buffer): BelievedRequest | undefined {
    if (request.length !== REQUEST_BYTES || !request.subarray(0, MAGIC.length).equals(this.#magic)) return undefined;
    const signed = request.subarray(0, -PROOF_BYTES);
    const proof = request.subarray(-PROOF_BYTES);
    const key = this.keys.find((each) => timingSafeEqual(prove(each, 'request', this.challenge, signed), proof));
    if (!key) return undefined;
    const tags = signed.toString('latin1', MAGIC.length, MAGIC.length + TAGS_BYTES);
    return {
      owner: { pod: tags.slice(0, 4), worker: tags.slice(4) },
      answer: (verdict) => answerTo(key, verdict, this.challenge, request),
    };
  }
}

/** The dialer's part for one connection. */
export class DialerHandshake {
  #challenge: Buffer = Buffer.alloc(0);
  #request: Buffer = Buffer.alloc(0);
  readonly #magic: Buffer;
  readonly #otherMagic: Buffer;

  /** @param speaksTls whether TLS follows */
  constructor(
    private readonly key: PeerKey,
    private readonly owner: Owner,
    speaksTls = false,
  ) {
    this.#magic = speaksTls ? MAGIC_TLS : MAGIC;
    this.#otherMagic = speaksTls ? MAGIC : MAGIC_TLS;
  }

  /** Whether the listener is a pod, and one of both speaks TLS and the other does not. */
  isOtherwiseMinded(challenge: Buffer): boolean {
    return challenge.subarray(0, MAGIC.length).equals(this.#otherMagic);
  }

  /** Makes the request; `undefined` where what came is no challenge. */
  request(challenge: Buffer): Buffer | undefined {
    if (challenge.length !== CHALLENGE_BYTES || !challenge.subarray(0, MAGIC.length).equals(this.#magic))
      return undefined;
    const { pod, worker } = this.owner;
    const signed = Buffer.concat([this.#magic, Buffer.from(pod + worker, 'latin1'), randomBytes(NONCE_BYTES)]);
    this.#challenge = challenge;
    this.#request = Buffer.concat([signed, prove(this.key, 'request', challenge, signed)]);
    return this.#request;
  }

  /** Reads the answer; `undefined` where it does not prove our key. */
  verdict(answer: Buffer): Verdict | 'refused' | undefined {
    if (answer.equals(REFUSAL)) return 'refused';
    for (const verdict of ['accepted', 'gone'] as const) {
      const expected = answerTo(this.key, verdict, this.#challenge, this.#request);
      if (answer.length === expected.length && timingSafeEqual(answer, expected)) return verdict;
    }
    return undefined;
  }
}

function answerTo(key: PeerKey, verdict: Verdict, challenge: Buffer, request: Buffer): Buffer {
  const byte = Buffer.from([VERDICT_BYTES[verdict]]);
  return Buffer.concat([byte, prove(key, 'answer', challenge, request, byte)]);
}

/** @param role keeps the proof of one side from being sent back as that of the other */
function prove(key: PeerKey, role: 'request' | 'answer', ...parts: Buffer[]): Buffer {
  const hmac = createHmac('sha256', key).update(role);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}
