import { Socket as NetSocket } from 'node:net';

/** What of an Engine.IO connection the fast lane relies on. */
export interface EngineConnection {
  readonly protocol: number;
  readonly readyState: string;
  readonly transport: EngineTransport;
  readonly writeBuffer: unknown[];
  readonly server: { listenerCount(event: string): number };
  listenerCount(event: string): number;
}

/** The same of its transport. */
export interface EngineTransport {
  readonly name: string;
  /** False from a write until the system has taken it; meanwhile Engine.IO queues packets, and volatile ones are dropped. */
  writable: boolean;
  /** Tells the connection to send what it has queued. */
  emit(event: 'ready'): void;
  onError(message: string, description: unknown): void;
}

interface Unknown {
  readonly [name: string]: unknown;
}

/**
 * The TCP or TLS socket of a connection over a websocket whose internals are as the fast lane needs them. Nothing for
 * polling, WebTransport, other websocket engines than `ws`, compression, and versions that work in another way.
 */
export function findWebsocketStream(connection: unknown): NetSocket | undefined {
  const { transport, writeBuffer, protocol, readyState, listenerCount, server } = connection as Unknown;
  if (!Array.isArray(writeBuffer) || typeof protocol !== 'number' || typeof readyState !== 'string') return undefined;
  if (typeof listenerCount !== 'function' || typeof (server as Unknown)?.listenerCount !== 'function') return undefined;
  if (!isPlainWebsocketTransport(transport)) return undefined;
  const { _sender: sender, _socket: stream, extensions } = transport.socket;
  // `extensions` names the compression that was agreed on.
  if (extensions !== '' || !isSenderOf(sender, stream)) return undefined;
  return stream instanceof NetSocket ? stream : undefined;
}

function isPlainWebsocketTransport(transport: unknown): transport is Unknown & { socket: Unknown } {
  const { name, writable, perMessageDeflate, emit, onError, socket } = transport as Unknown;
  return (
    name === 'websocket' &&
    typeof writable === 'boolean' &&
    !perMessageDeflate &&
    typeof emit === 'function' &&
    typeof onError === 'function' &&
    typeof socket === 'object' &&
    socket !== null
  );
}

/** Whether this is the sender of `ws`: one that writes complete frames to that stream. */
function isSenderOf(sender: unknown, stream: unknown): boolean {
  if (typeof sender !== 'object' || sender === null) return false;
  const { _socket, sendFrame } = sender as Unknown;
  return _socket === stream && typeof sendFrame === 'function';
}
