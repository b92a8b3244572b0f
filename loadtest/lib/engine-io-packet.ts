/** Protocol revision: 4 for socket.io-client 3 and later, 3 for the client that sails.io.js 1.2.1 bundles. */
export type EngineIoVersion = 3 | 4;

export type EngineIoPacket =
  | { type: 'open' | 'close' | 'ping' | 'pong' | 'message' | 'upgrade' | 'noop'; data: string }
  | { type: 'binary'; data: ArrayBuffer };

/** In the order of the digits that stand for them on the wire. */
const TYPES = ['open', 'close', 'ping', 'pong', 'message', 'upgrade', 'noop'] as const;
const MESSAGE = TYPES.indexOf('message');

/** Separates the packets of a polling response in protocol 4. */
const RECORD_SEPARATOR = '\u001e';

/** @returns the packet of a text frame, or undefined where the frame is none of the protocol */
export function decodeText(text: string): EngineIoPacket | undefined {
  const type = TYPES[text.charCodeAt(0) - 48];
  return type && { type, data: text.slice(1) };
}

/** @returns the packet of a binary frame; protocol 3 puts the packet's type in the first byte */
export function decodeBinary(frame: ArrayBuffer, version: EngineIoVersion): EngineIoPacket | undefined {
  if (version === 4) return { type: 'binary', data: frame };
  if (new Uint8Array(frame)[0] !== MESSAGE) return undefined;
  return { type: 'binary', data: frame.slice(1) };
}

export function encodeText(type: (typeof TYPES)[number], data = ''): string {
  return `${TYPES.indexOf(type)}${data}`;
}

export function encodeBinary(data: ArrayBuffer, version: EngineIoVersion): ArrayBuffer {
  if (version === 4) return data;
  const frame = new Uint8Array(data.byteLength + 1);
  frame[0] = MESSAGE;
  frame.set(new Uint8Array(data), 1);
  return frame.buffer;
}

/** Splits the body of a polling response, which may hold several packets. Binary ones are left out: a handshake has none. */
export function decodePayload(payload: string, version: EngineIoVersion): EngineIoPacket[] {
  const texts = version === 4 ? payload.split(RECORD_SEPARATOR) : splitByLength(payload);
  const packets: EngineIoPacket[] = [];
  for (const text of texts) {
    const packet = decodeText(text);
    if (packet) packets.push(packet);
  }
  return packets;
}

/** Protocol 3: `<length>:<packet>`, one after the other, the length in UTF-16 units. */
function splitByLength(payload: string): string[] {
  const texts: string[] = [];
  let at = 0;
  while (at < payload.length) {
    const colon = payload.indexOf(':', at);
    const length = Number(payload.slice(at, colon));
    if (colon < 0 || !(length > 0)) break;
    texts.push(payload.slice(colon + 1, colon + 1 + length));
    at = colon + 1 + length;
  }
  return texts;
}
