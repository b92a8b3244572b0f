import type { IncomingMessage } from 'node:http';
import { type Namespace, Socket } from 'socket.io';
import type { EncodedPacket } from '../payload';

/** What of Engine.IO's connection recovery relies on. */
export interface EngineConnection {
  readonly protocol: number;
  readonly readyState: string;
  readonly writeBuffer: unknown[];
  readonly transport: EngineTransport;
  close(discard?: boolean): void;
  once(event: 'upgrade' | 'close', listener: () => void): void;
  removeListener(event: 'upgrade' | 'close', listener: () => void): void;
}

/** The same of its transport. */
interface EngineTransport {
  readonly writable: boolean;
  once(event: 'ready', listener: () => void): void;
  removeListener(event: 'ready', listener: () => void): void;
}

/** The same of Socket.IO's client, which carries the sockets of one connection. */
export interface SocketClient {
  readonly conn: EngineConnection;
  readonly request: IncomingMessage;
  _packet(packet: SocketPacket, options: object): void;
  writeToEngine(encoded: EncodedPacket, options: object): void;
  _remove(socket: unknown): void;
  _disconnect(): void;
}

export interface SocketPacket {
  type: number;
  nsp?: string;
  id?: number;
  data?: unknown[];
}

export interface PacketFlags {
  volatile?: boolean;
  compress?: boolean;
}

/** The same of a socket. */
export interface SocketInternals {
  id: string;
  pid?: string;
  client: SocketClient;
  connected: boolean;
  data: unknown;
  packet(packet: SocketPacket, flags?: PacketFlags): void;
  _onconnect(): void;
  _onclose(reason: string, description?: unknown): unknown;
  _cleanup(): void;
}

/** The same of a namespace. */
export interface NamespaceInternals {
  readonly name: string;
  readonly sockets: Map<string, Socket>;
  readonly _preConnectSockets: Map<string, Socket>;
  _createSocket(client: SocketClient, auth: Record<string, unknown>): Promise<Socket>;
}

/** Makes a socket that goes on with an earlier one's id, as Socket.IO itself does. */
export type ResumeSocket = new (
  nsp: Namespace,
  client: SocketClient,
  auth: Record<string, unknown>,
  previous: { sid: string; pid: string; rooms: string[]; data: unknown; missedPackets: unknown[][] },
) => Socket;

export const ResumedSocket = Socket as unknown as ResumeSocket;

/** Whether this version of Socket.IO works inside as recovery needs it. */
export function isRecoverable(namespace: Namespace): boolean {
  const methods = Socket.prototype as unknown as Record<string, unknown>;
  return (
    typeof (namespace as unknown as NamespaceInternals)._createSocket === 'function' &&
    (namespace as unknown as NamespaceInternals)._preConnectSockets instanceof Map &&
    ['packet', '_onconnect', '_onclose', '_cleanup'].every((name) => typeof methods[name] === 'function')
  );
}
