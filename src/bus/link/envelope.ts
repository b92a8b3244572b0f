import { createHmac, timingSafeEqual } from 'node:crypto';
import type { LinkOrigin } from './link';

/** Version of what a link puts around a message: one byte version, one byte flags, hub, pod tag, signature, message. */
const LINK_VERSION = 1;
const SIGNED = 1;
const HUB_BYTES = 12;
const POD_TAG_BYTES = 4;
const SIGNATURE_BYTES = 16;
const HEADER_BYTES = 2 + HUB_BYTES + POD_TAG_BYTES;

/** Why something that came over a link is dropped. */
export type EnvelopeError = 'unknown-version' | 'malformed' | 'bad-signature';

/** Wraps and unwraps messages for a link, signed where secrets are set. */
export class LinkEnvelope {
  readonly #header: Buffer;

  /**
   * @param secrets the first signs, all are accepted: two of them while a secret is being changed. None: nothing is signed
   */
  constructor(
    origin: LinkOrigin,
    private readonly secrets: readonly string[] = [],
  ) {
    this.#header = Buffer.alloc(HEADER_BYTES);
    this.#header[0] = LINK_VERSION;
    this.#header[1] = secrets.length > 0 ? SIGNED : 0;
    this.#header.write(origin.hub, 2, HUB_BYTES, 'latin1');
    this.#header.write(origin.podTag, 2 + HUB_BYTES, POD_TAG_BYTES, 'latin1');
  }

  /** @param channel is signed too, so that nobody can move a message to another channel */
  wrap(channel: string, body: Buffer): Buffer {
    const [secret] = this.secrets;
    if (secret === undefined) return Buffer.concat([this.#header, body]);
    return Buffer.concat([this.#header, sign(secret, channel, this.#header, body), body]);
  }

  unwrap(channel: string, bytes: Buffer): { origin: LinkOrigin; body: Buffer } | EnvelopeError {
    if (bytes.length < HEADER_BYTES) return 'malformed';
    if (bytes[0] !== LINK_VERSION) return 'unknown-version';
    const header = bytes.subarray(0, HEADER_BYTES);
    const isSigned = bytes[1] === SIGNED;
    const bodyStart = HEADER_BYTES + (isSigned ? SIGNATURE_BYTES : 0);
    if (bytes.length < bodyStart) return 'malformed';
    const body = bytes.subarray(bodyStart);
    if (this.secrets.length > 0) {
      if (!isSigned) return 'bad-signature';
      const signature = bytes.subarray(HEADER_BYTES, bodyStart);
      if (!this.secrets.some((secret) => timingSafeEqual(sign(secret, channel, header, body), signature))) {
        return 'bad-signature';
      }
    }
    const origin = {
      hub: header.toString('latin1', 2, 2 + HUB_BYTES),
      podTag: header.toString('latin1', 2 + HUB_BYTES),
    };
    return { origin, body };
  }
}

function sign(secret: string, channel: string, header: Buffer, body: Buffer): Buffer {
  return createHmac('sha256', secret)
    .update(channel)
    .update('\n')
    .update(header)
    .update(body)
    .digest()
    .subarray(0, SIGNATURE_BYTES);
}
