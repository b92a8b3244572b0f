import type { Server, Socket } from 'socket.io';
import type { OpsAnswers, RoomSize, SocketDetails, SocketRow } from '../protocol';

/** Rooms that are listed of one socket. */
const MOST_ROOMS_OF_A_SOCKET = 100;

/** The private member of Engine.IO's connection that tells of a slow client. */
interface ConnectionInternals {
  writeBuffer?: unknown[];
}

/** The largest rooms of this worker, without those that each socket has to itself. */
export function largestRooms(io: Server, limit: number): OpsAnswers['rooms'] {
  const rooms: RoomSize[] = [];
  for (const [nsp, { adapter }] of io._nsps) {
    for (const [room, members] of adapter.rooms) {
      if (!adapter.sids.has(room)) rooms.push({ nsp, room, sockets: members.size });
    }
  }
  rooms.sort((a, b) => b.sockets - a.sockets || (a.room < b.room ? -1 : 1));
  return { rooms: rooms.slice(0, limit), total: rooms.length };
}

/** The sockets of this worker in a room. */
export function membersOf(io: Server, nsp: string, room: string, limit: number): OpsAnswers['room'] {
  const namespace = io._nsps.get(nsp);
  const members = namespace?.adapter.rooms.get(room) ?? new Set<string>();
  const sockets: SocketRow[] = [];
  for (const id of members) {
    if (sockets.length >= limit) break;
    const socket = namespace?.sockets.get(id);
    if (socket) sockets.push(rowOf(socket));
  }
  return { sockets, total: members.size };
}

/** One socket of this worker; nothing of what authenticates it is told. */
export function describeSocket(io: Server, nsp: string, id: string): SocketDetails | null {
  const socket = findSocket(io, nsp, id);
  if (!socket) return null;
  const { headers } = socket.handshake;
  const rooms = [...socket.rooms].filter((room) => room !== socket.id);
  return {
    ...rowOf(socket),
    nsp,
    protocol: socket.conn.protocol,
    forwardedFor: textOf(headers['x-forwarded-for']),
    userAgent: textOf(headers['user-agent']),
    waitingPackets: (socket.conn as unknown as ConnectionInternals).writeBuffer?.length ?? 0,
    rooms: rooms.slice(0, MOST_ROOMS_OF_A_SOCKET),
    roomCount: rooms.length,
  };
}

export function findSocket(io: Server, nsp: string, id: string): Socket | undefined {
  return io._nsps.get(nsp)?.sockets.get(id);
}

function rowOf(socket: Socket): SocketRow {
  const { address, issued } = socket.handshake;
  return { id: socket.id, address, transport: socket.conn.transport.name, connectedAt: issued };
}

function textOf(header: string | string[] | undefined): string | null {
  if (header === undefined) return null;
  return String(header).slice(0, 300);
}
