import type { Server } from 'socket.io';
import type { HookPulse, HookReading } from '../../metrics/hook-metrics';
import type { SessionStore } from '../../session/session-adapter';
import type { SessionStoreStats } from '../../session/session-operations';
import type { HookRuntime } from '../runtime';

/** Engine.IO's connections. */
interface EngineInternals {
  clients: Record<string, { protocol: number; transport: { name: string } }>;
}

/** Reads what the hook knows of itself, for the metrics. */
export function readHook(runtime: HookRuntime): HookReading {
  const { counters } = runtime;
  const server = runtime.hasServer ? readServer(runtime.io) : { connections: [], sockets: 0, rooms: 0 };
  return {
    ...server,
    messagesIn: counters.messagesIn,
    messagesOut: counters.messagesOut,
    requestsInFlight: runtime.requests.count,
    parseErrors: counters.parseErrors,
    refusedOverLimit: counters.refusedOverLimit,
    refusedWhileLowering: counters.refusedWhileLowering,
    heldResponses: counters.heldResponses,
    heldTooLong: counters.heldTooLong,
    failedOrders: counters.failedOrders,
    handshakesRefused: counters.handshakesRefused,
    handshakesDelayed: counters.handshakesDelayed,
    connectionsClosed: counters.connectionsClosed,
    bus: runtime.fleet?.snapshot(),
    sessions: sessionStats(runtime),
  };
}

/** Reads a few numbers without looking at each connection. */
export function readPulse(runtime: HookRuntime): HookPulse {
  const { messagesIn, messagesOut, requests } = runtime.counters;
  const counts = runtime.hasServer ? countMembers(runtime.io) : { sockets: 0, rooms: 0 };
  const bus = runtime.fleet?.snapshot();
  const busMessages = bus ? bus.local.messagesIn + bus.local.messagesOut : 0;
  const pulse: HookPulse = { ...counts, messagesIn, messagesOut, requests, busMessages };
  for (const { calls, errors } of Object.values(sessionStats(runtime)?.operations ?? {})) {
    pulse.sessionCalls = (pulse.sessionCalls ?? 0) + calls;
    pulse.sessionErrors = (pulse.sessionErrors ?? 0) + errors;
  }
  return pulse;
}

function sessionStats({ app }: HookRuntime): SessionStoreStats | undefined {
  return (app.config.session?.store as Partial<SessionStore> | undefined)?.stats;
}

function readServer(io: Server): Pick<HookReading, 'connections' | 'sockets' | 'rooms'> {
  const connections = new Map<string, HookReading['connections'][number]>();
  for (const { protocol, transport } of Object.values((io.engine as unknown as EngineInternals).clients)) {
    const key = `${transport.name} ${protocol}`;
    const entry = connections.get(key) ?? { transport: transport.name, protocol, count: 0 };
    entry.count += 1;
    connections.set(key, entry);
  }
  return { ...countMembers(io), connections: [...connections.values()] };
}

function countMembers(io: Server): { sockets: number; rooms: number } {
  let sockets = 0;
  let rooms = 0;
  for (const { adapter, sockets: members } of io._nsps.values()) {
    sockets += members.size;
    rooms += Math.max(0, adapter.rooms.size - adapter.sids.size);
  }
  return { sockets, rooms };
}
