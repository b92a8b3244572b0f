import { randomBytes } from 'node:crypto';
import type { HookRuntime } from '../runtime';
import type { AdapterOptions, ForeignRedisClient } from '../settings/sockets-settings';
import { type Order, orderLocalMembers } from '../sockets/orders';

/** A message on the admin bus. */
interface AdminMessage {
  /** Whose it is; absent when its sender wants it as well. */
  uid?: string;
  event?: string;
  payload?: unknown;
}

/** The channel by which processes of one app with a Redis adapter tell each other of joins and leaves. */
export interface AdminBus {
  /** Tells the other processes to carry out an order for the members of a room. */
  announce(order: Order, sourceRoom: string): void;
  /** Sends a message to the other processes. */
  broadcast(event: string, payload: unknown): void;
  /** Sends a message to every process, this one included. */
  blast(event: string, payload: unknown): void;
}

/**
 * Joins the admin bus of sails-hook-sockets 3: its channel and its messages, so that both hooks can share a Redis
 * while an app changes over. Every message is also emitted as `hook:sockets:adminMessage` on the app.
 */
export function connectAdminBus(runtime: HookRuntime, options: AdapterOptions): Promise<AdminBus> {
  const channel = options.key || 'socket.io#sails#';
  const uid = randomBytes(6).toString('base64url');
  const publisher = options.pubClient as ForeignRedisClient;
  const subscriber = options.subClient as ForeignRedisClient;
  const publish = (message: AdminMessage) => void publisher.publish(channel, JSON.stringify(message));
  subscriber.on('message', (from, content) => {
    if (String(from) !== channel) return;
    receive(runtime, uid, String(content));
  });
  const bus: AdminBus = {
    announce(order, sourceRoom) {
      const payload = order.verb === 'leaveAll' ? { sourceRoom } : { sourceRoom, destRooms: order.rooms };
      this.broadcast(order.verb, payload);
    },
    broadcast: (event, payload) => publish({ uid, event, payload }),
    blast: (event, payload) => publish({ event, payload }),
  };
  return new Promise((resolve, reject) => {
    subscriber.subscribe(channel, (error) => (error ? reject(error) : resolve(bus)));
  });
}

function receive(runtime: HookRuntime, uid: string, content: string): void {
  const { app } = runtime;
  let message: AdminMessage;
  try {
    message = JSON.parse(content);
  } catch {
    app.log.error(
      'The admin bus carried a message that is no JSON: do the adapter and the admin bus share a Redis client?',
    );
    return;
  }
  if (typeof message !== 'object' || message === null || message.uid === uid) return;
  try {
    const order = orderOf(message);
    if (order) orderLocalMembers(runtime.io.sockets, order.sourceRoom, order.order);
    app.emit('hook:sockets:adminMessage', message);
  } catch (error) {
    app.log.error('Handling a message of the admin bus failed:', error);
  }
}

function orderOf({ event, payload }: AdminMessage): { order: Order; sourceRoom: string } | undefined {
  if (typeof payload !== 'object' || payload === null) return undefined;
  const { sourceRoom, destRooms } = payload as { sourceRoom?: unknown; destRooms?: unknown };
  if (typeof sourceRoom !== 'string') return undefined;
  if (event === 'leaveAll') return { order: { verb: 'leaveAll' }, sourceRoom };
  if ((event !== 'join' && event !== 'leave') || !Array.isArray(destRooms)) return undefined;
  return { order: { verb: event, rooms: destRooms.filter((room) => typeof room === 'string') }, sourceRoom };
}
