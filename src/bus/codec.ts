import { Packr } from 'msgpackr';
import { type Message, MessageKind, PROTOCOL_VERSION } from './protocol';
import { type LogMark, makeMark, partsOf } from './recovery/log-mark';
import { isWellFormed } from './well-formed';

/**
 * The envelope, after the length that the transport puts in front: one byte version, one byte kind, the header's length
 * (32 bits, little endian), only of broadcasts the hub's number and how far it has read the link's log (three 64 bit floats,
 * little endian), the header (msgpack), and for a broadcast or an event the payload as the origin encoded it. Only the header is parsed on the way.
 */
const PREAMBLE_BYTES = 6;
const ORDER_BYTES = 24;

/** Ids of the log begin after this. */
const NOWHERE = [0, 0] as const;

const packr = new Packr({ useRecords: false, moreTypes: false, encodeUndefinedAsNil: true });

/** Why a message was dropped. */
export type DropReason = 'unknown-version' | 'malformed';

/** Encodes a message as the body of one frame. */
export function encodeMessage(message: Message): Buffer {
  const { kind, payload, order, reached, ...header } = message as Message & {
    payload?: Uint8Array;
    order?: number;
    reached?: LogMark;
  };
  const packed = packr.pack(header);
  const headerStart = headerStartOf(kind);
  const body = Buffer.allocUnsafe(headerStart + packed.length + (payload?.byteLength ?? 0));
  body[0] = PROTOCOL_VERSION;
  body[1] = kind;
  body.writeUInt32LE(packed.length, 2);
  if (headerStart > PREAMBLE_BYTES) writeOrder(body, order ?? 0, reached);
  body.set(packed, headerStart);
  if (payload) body.set(payload, headerStart + packed.length);
  return body;
}

/** Writes the hub's number, and how far it has read the log, into an encoded broadcast, which is passed on otherwise unchanged. */
export function writeOrder(body: Buffer, order: number, reached: LogMark | undefined): void {
  const [ms, seq] = reached === undefined ? NOWHERE : partsOf(reached);
  body.writeDoubleLE(order, PREAMBLE_BYTES);
  body.writeDoubleLE(ms, PREAMBLE_BYTES + 8);
  body.writeDoubleLE(seq, PREAMBLE_BYTES + 16);
}

function headerStartOf(kind: number | undefined): number {
  return kind === MessageKind.Broadcast ? PREAMBLE_BYTES + ORDER_BYTES : PREAMBLE_BYTES;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function hasPayload(kind: number | undefined): boolean {
  return kind === MessageKind.Broadcast || kind === MessageKind.OwnEvent;
}

/** Decodes the body of a frame; never throws: a message that can't be understood comes back as the reason to drop it. */
export function decodeMessage(body: Buffer): Message | DropReason {
  if (body.length < PREAMBLE_BYTES) return 'malformed';
  if (body[0] !== PROTOCOL_VERSION) return 'unknown-version';
  const headerStart = headerStartOf(body[1]);
  const headerEnd = headerStart + body.readUInt32LE(2);
  if (headerEnd > body.length) return 'malformed';
  let header: unknown;
  try {
    header = packr.unpack(body.subarray(headerStart, headerEnd));
  } catch {
    return 'malformed';
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) return 'malformed';
  const message: Record<string, unknown> = { ...header, kind: body[1] };
  if (hasPayload(body[1]) && headerEnd < body.length) message.payload = body.subarray(headerEnd);
  if (headerStart > PREAMBLE_BYTES) {
    const order = body.readDoubleLE(PREAMBLE_BYTES);
    if (order !== 0) message.order = order;
    const ms = body.readDoubleLE(PREAMBLE_BYTES + 8);
    const seq = body.readDoubleLE(PREAMBLE_BYTES + 16);
    if (!isCount(ms) || !isCount(seq)) return 'malformed';
    if (ms !== 0) message.reached = makeMark(ms, seq);
  }
  return isWellFormed(message) ? message : 'malformed';
}
