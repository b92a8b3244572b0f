import type { MetricReading } from '../../metrics/declarations';
import type { HookPulse } from '../../metrics/hook-metrics';

/** What the ops server asks a worker, over the IPC channel. */
export type OpsQuestion =
  | { name: 'metrics' }
  | { name: 'pulse' }
  /** The largest rooms. */
  | { name: 'rooms'; limit: number }
  /** Who is in a room. */
  | { name: 'room'; nsp: string; room: string; limit: number }
  | { name: 'socket'; nsp: string; id: string }
  /** Ends a socket's connection, where this worker has it. */
  | { name: 'disconnect'; nsp: string; id: string }
  /** Sends an event to a room of the whole fleet. */
  | { name: 'send'; nsp: string; room: string; event: string; args: unknown[] };

/** What each question is answered with. */
export interface OpsAnswers {
  metrics: MetricReading[];
  pulse: WorkerPulse;
  rooms: { rooms: RoomSize[]; total: number };
  room: { sockets: SocketRow[]; total: number };
  socket: SocketDetails | null;
  disconnect: boolean;
  send: null;
}

/** How a worker is, at one moment. Counts are since its start. */
export interface WorkerPulse extends HookPulse {
  connections: number;
  eventLoopP99Ms: number;
  eventLoopMaxMs: number;
  cpuMs: number;
  residentBytes: number;
  heapBytes: number;
  heapLimitBytes: number;
}

/** A room and how many sockets of one worker are in it. */
export interface RoomSize {
  nsp: string;
  room: string;
  sockets: number;
}

/** A socket in a list. */
export interface SocketRow {
  id: string;
  address: string;
  transport: string;
  /** Milliseconds since the epoch. */
  connectedAt: number;
}

/** A socket looked at. */
export interface SocketDetails extends SocketRow {
  nsp: string;
  /** Version of the Engine.IO protocol. */
  protocol: number;
  forwardedFor: string | null;
  userAgent: string | null;
  /** Packets that wait to be sent. */
  waitingPackets: number;
  rooms: string[];
  roomCount: number;
}
