import type { BroadcastFlags } from 'socket.io-adapter';
import type { EncodedPacket } from '../../payload';
import { websocketTextFrame } from './websocket-frame';

/** Of Engine.IO's protocols, the first whose clients know of offsets, and can be resumed. */
export const FIRST_PROTOCOL_WITH_OFFSETS = 4;

/** The type "message" of Engine.IO's protocol. */
const ENGINE_MESSAGE = '4';

/** Options of Engine.IO's `write` for a packet that goes to many. */
export interface WriteOptions {
  preEncoded: true;
  volatile: boolean | undefined;
  compress: boolean | undefined;
  wsPreEncodedFrame?: Buffer[];
}

/** What recipients of one Engine.IO protocol get. */
export interface PacketForm {
  readonly encoded: EncodedPacket;
  readonly options: WriteOptions;
  /** The packet as one websocket frame; none for packets with attachments and for parsers that do not make text. */
  readonly frame: Buffer | undefined;
}

/** A packet made ready once for all its recipients. */
export class PreparedPacket {
  readonly isVolatile: boolean;
  readonly #encoded: EncodedPacket;
  readonly #flags: BroadcastFlags | undefined;
  readonly #offset: string | undefined;
  #plain: PacketForm | undefined;
  #withOffset: PacketForm | undefined;

  /**
   * @param offset what a client that comes back names as the last it has got; Socket.IO's own place for it is the end of
   * the argument list. Clients of Engine.IO 3 do not get it, since they would show it to the app.
   */
  constructor(encoded: EncodedPacket, flags?: BroadcastFlags, offset?: string) {
    this.isVolatile = flags?.volatile === true;
    this.#encoded = encoded;
    this.#flags = flags;
    this.#offset = offset;
  }

  /** The form for clients that speak this version of Engine.IO's protocol. */
  formFor(engineProtocol: number): PacketForm {
    if (this.#offset === undefined || engineProtocol < FIRST_PROTOCOL_WITH_OFFSETS) {
      this.#plain ??= this.#makeForm(this.#encoded);
      return this.#plain;
    }
    this.#withOffset ??= this.#makeForm(appendArgument(this.#encoded, this.#offset));
    return this.#withOffset;
  }

  #makeForm(encoded: EncodedPacket): PacketForm {
    const options: WriteOptions = {
      preEncoded: true,
      volatile: this.#flags?.volatile,
      compress: this.#flags?.compress,
    };
    const [text] = encoded;
    if (encoded.length !== 1 || typeof text !== 'string') return { encoded, options, frame: undefined };
    const frame = websocketTextFrame(ENGINE_MESSAGE + text);
    // Engine.IO writes it as it is where nothing is compressed.
    options.wsPreEncodedFrame = [frame];
    return { encoded, options, frame };
  }
}

/** Adds a string to the end of an event's arguments. */
function appendArgument([text, ...attachments]: EncodedPacket, argument: string): EncodedPacket {
  return [`${(text as string).slice(0, -1)},${JSON.stringify(argument)}]`, ...attachments];
}
