import { Packr } from 'msgpackr';
import { type Message, MessageKind, PROTOCOL_VERSION } from './protocol';
import { isWellFormed } from './well-formed';

/**
 * The envelope, after the length that the transport puts in front: one byte version, one byte kind, the header's length
 * (32 bits, little endian), the header (msgpack), and for a broadcast the payload as the origin encoded it.
 * Only the header is parsed on the way.
 */
const PREAMBLE_BYTES = 6;

const packr = new Packr({ useRecords: false, moreTypes: false, encodeUndefinedAsNil: true });

/** Why a message was dropped. */
export type DropReason = 'unknown-version' | 'malformed';

/** Encodes a message as the body of one frame. */
export function encodeMessage(message: Message): Buffer {
  const { kind, payload, ...header } =
    message.kind === MessageKind.Broadcast ? message : { ...message, payload: undefined };
  const packed = packr.pack(header);
  const body = Buffer.allocUnsafe(PREAMBLE_BYTES + packed.length + (payload?.byteLength ?? 0));
  body[0] = PROTOCOL_VERSION;
  body[1] = kind;
  body.writeUInt32LE(packed.length, 2);
  body.set(packed, PREAMBLE_BYTES);
  if (payload) body.set(payload, PREAMBLE_BYTES + packed.length);
  return body;
}

/** Decodes the body of a frame; never throws: a message that can't be understood comes back as the reason to drop it. */
export function decodeMessage(body: Buffer): Message | DropReason {
  if (body.length < PREAMBLE_BYTES) return 'malformed';
  if (body[0] !== PROTOCOL_VERSION) return 'unknown-version';
  const headerLength = body.readUInt32LE(2);
  if (headerLength > body.length - PREAMBLE_BYTES) return 'malformed';
  const headerEnd = PREAMBLE_BYTES + headerLength;
  let header: unknown;
  try {
    header = packr.unpack(body.subarray(PREAMBLE_BYTES, headerEnd));
  } catch {
    return 'malformed';
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) return 'malformed';
  const message: Record<string, unknown> = { ...header, kind: body[1] };
  if (body[1] === MessageKind.Broadcast && headerEnd < body.length) message.payload = body.subarray(headerEnd);
  return isWellFormed(message) ? message : 'malformed';
}
