/**
 * The parts that a Socket.IO encoder makes of one packet (text, then binary attachments), joined for the bus:
 * for each part one byte (0 text, 1 bytes), its length in bytes (32 bits, little endian), then its bytes.
 */
export type EncodedPacket = Array<string | Uint8Array>;

const PART_HEADER_BYTES = 5;
const TEXT = 0;
const BYTES = 1;

/** Joins the encoded parts of a packet. */
export function joinParts(parts: EncodedPacket): Buffer {
  const lengths = parts.map((part) => (typeof part === 'string' ? Buffer.byteLength(part) : part.byteLength));
  const buffer = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + PART_HEADER_BYTES + length, 0));
  let offset = 0;
  parts.forEach((part, index) => {
    const length = lengths[index] as number;
    buffer[offset] = typeof part === 'string' ? TEXT : BYTES;
    buffer.writeUInt32LE(length, offset + 1);
    offset += PART_HEADER_BYTES;
    if (typeof part === 'string') buffer.write(part, offset, length, 'utf8');
    else buffer.set(part, offset);
    offset += length;
  });
  return buffer;
}

/** Splits what {@link joinParts} joined; `undefined` where the bytes are not of that form. */
export function splitParts(bytes: Uint8Array): EncodedPacket | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: EncodedPacket = [];
  let offset = 0;
  while (offset < buffer.length) {
    if (buffer.length - offset < PART_HEADER_BYTES) return undefined;
    const type = buffer[offset];
    const length = buffer.readUInt32LE(offset + 1);
    offset += PART_HEADER_BYTES;
    if (buffer.length - offset < length || (type !== TEXT && type !== BYTES)) return undefined;
    const part = buffer.subarray(offset, offset + length);
    parts.push(type === TEXT ? part.toString('utf8') : part);
    offset += length;
  }
  return parts.length > 0 ? parts : undefined;
}
