/** A packet of the Socket.IO protocol, revision 5 (and 4, which differs in how a namespace is joined). */
export interface SocketIoPacket {
  type: PacketType;
  namespace: string;
  /** Number of the acknowledgement that is asked for, or that this is. */
  id?: number;
  data?: unknown;
}

export const PacketType = { connect: 0, disconnect: 1, event: 2, ack: 3, connectError: 4 } as const;
export type PacketType = (typeof PacketType)[keyof typeof PacketType];

/** Types 5 and 6 on the wire: an event and an acknowledgement whose bytes follow in frames of their own. */
const BINARY_EVENT = 5;
const BINARY_ACK = 6;

interface Placeholder {
  _placeholder: true;
  num: number;
}

/** What one packet is on the wire: a text, then a frame for each run of bytes. */
export interface EncodedPacket {
  text: string;
  attachments: ArrayBuffer[];
}

export function encodePacket(packet: SocketIoPacket): EncodedPacket {
  const attachments: ArrayBuffer[] = [];
  const data = packet.data === undefined ? '' : JSON.stringify(withoutBytes(packet.data, attachments));
  let type: number = packet.type;
  if (attachments.length > 0) type = packet.type === PacketType.ack ? BINARY_ACK : BINARY_EVENT;

  const count = attachments.length > 0 ? `${attachments.length}-` : '';
  const namespace = packet.namespace === '/' ? '' : `${packet.namespace},`;
  return { text: `${type}${count}${namespace}${packet.id ?? ''}${data}`, attachments };
}

/** Puts packets together again from the frames of one connection. */
export class PacketDecoder {
  #unfinished: { packet: SocketIoPacket; wanted: number; attachments: ArrayBuffer[] } | undefined;

  /**
   * @returns the packet, or undefined while its bytes are still to come
   * @throws SyntaxError where the text is no Socket.IO packet
   */
  text(text: string): SocketIoPacket | undefined {
    if (this.#unfinished) throw new SyntaxError(`A packet came before the bytes of the one before it: ${text}`);
    const { packet, attachments: wanted } = parse(text);
    if (wanted === 0) return packet;
    this.#unfinished = { packet, wanted, attachments: [] };
    return undefined;
  }

  /** @throws SyntaxError where no bytes were announced */
  binary(bytes: ArrayBuffer): SocketIoPacket | undefined {
    const unfinished = this.#unfinished;
    if (!unfinished) throw new SyntaxError('Bytes came that no packet announced');
    unfinished.attachments.push(bytes);
    if (unfinished.attachments.length < unfinished.wanted) return undefined;
    this.#unfinished = undefined;
    return { ...unfinished.packet, data: withBytes(unfinished.packet.data, unfinished.attachments) };
  }
}

function parse(text: string): { packet: SocketIoPacket; attachments: number } {
  let type = text.charCodeAt(0) - 48;
  if (!(type >= PacketType.connect && type <= BINARY_ACK)) throw new SyntaxError(`No Socket.IO packet: ${text}`);
  let rest = text.slice(1);
  let attachments = 0;
  if (type === BINARY_EVENT || type === BINARY_ACK) {
    const dash = rest.indexOf('-');
    attachments = Number(rest.slice(0, dash));
    if (dash < 1 || !Number.isInteger(attachments)) throw new SyntaxError(`No count of attachments: ${text}`);
    rest = rest.slice(dash + 1);
    type = type === BINARY_EVENT ? PacketType.event : PacketType.ack;
  }

  const packet: SocketIoPacket = { type: type as PacketType, namespace: '/' };
  if (rest[0] === '/') {
    const comma = rest.indexOf(',');
    // Protocol 4 may append a query to the namespace, and leaves the comma out where nothing follows.
    packet.namespace = (comma < 0 ? rest : rest.slice(0, comma)).split('?')[0] as string;
    rest = comma < 0 ? '' : rest.slice(comma + 1);
  }
  let digits = 0;
  while (rest.charCodeAt(digits) >= 48 && rest.charCodeAt(digits) <= 57) digits += 1;
  if (digits > 0) packet.id = Number(rest.slice(0, digits));
  if (digits < rest.length) packet.data = JSON.parse(rest.slice(digits));
  return { packet, attachments };
}

function withoutBytes(value: unknown, attachments: ArrayBuffer[]): unknown {
  const bytes = bytesOf(value);
  if (bytes) {
    attachments.push(bytes);
    return { _placeholder: true, num: attachments.length - 1 } satisfies Placeholder;
  }
  return mapValues(value, (inner) => withoutBytes(inner, attachments));
}

function withBytes(value: unknown, attachments: ArrayBuffer[]): unknown {
  if (isPlaceholder(value)) {
    const bytes = attachments[value.num];
    if (!bytes) throw new SyntaxError(`A placeholder names attachment ${value.num} of ${attachments.length}`);
    return bytes;
  }
  return mapValues(value, (inner) => withBytes(inner, attachments));
}

function mapValues(value: unknown, change: (inner: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(change);
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, change(inner)]));
}

function bytesOf(value: unknown): ArrayBuffer | undefined {
  if (value instanceof ArrayBuffer) return value;
  if (!ArrayBuffer.isView(value)) return undefined;
  return value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength) as ArrayBuffer;
}

function isPlaceholder(value: unknown): value is Placeholder {
  return typeof value === 'object' && value !== null && '_placeholder' in value && 'num' in value;
}
