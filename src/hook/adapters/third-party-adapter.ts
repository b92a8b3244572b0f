import type { Namespace, Server } from 'socket.io';
import type { Adapter } from 'socket.io-adapter';
import { hasOwnAdapter } from '../../bus/app-redis';
import type { HookRuntime } from '../runtime';
import { REDIS_ADAPTER_PACKAGES } from '../settings/adapter-settings';
import type { AdapterConstructor, AdapterOptions } from '../settings/sockets-settings';
import { connectAdminBus } from './admin-bus';
import { loadAdapterFactory } from './load-adapter';
import { addRedisClients, RedisOutage } from './redis-clients';

/** Whether the app has chosen an adapter of its own, so that it is in no fleet. */
export function hasThirdPartyAdapter(runtime: HookRuntime): boolean {
  const { appPath, sockets } = runtime.app.config;
  return hasOwnAdapter({ appPath, sockets: sockets as unknown as Record<string, unknown> });
}

/**
 * Puts the adapter that `sails.config.sockets.adapter` names to work. For the Redis adapters that sails-hook-sockets
 * knows, Redis clients are made where the app gives none, and its admin bus is joined, so that processes with either
 * hook can share one Redis.
 */
export async function useThirdPartyAdapter(runtime: HookRuntime, io: Server): Promise<void> {
  const { app } = runtime;
  const { adapter, adapterOptions, adminAdapterOptions } = app.config.sockets;
  if (typeof adapter === 'function') {
    io.adapter(constructible(adapter));
    return;
  }
  const packageName = adapter as string;
  const usesRedis = REDIS_ADAPTER_PACKAGES.includes(packageName);
  const factory = loadAdapterFactory(app, packageName);
  const options = { ...adapterOptions };
  const outage = new RedisOutage(runtime, adapterOptions);
  if (usesRedis) await addRedisClients(runtime, options, outage, 'the adapter');
  io.adapter(constructible(factory(options)));
  io.sockets.adapter.on('error', (error: unknown) =>
    app.log.verbose('The Socket.IO adapter reported an error:', error),
  );
  if (!usesRedis) return;
  const { pubClient: _pub, subClient: _sub, ...shared } = adapterOptions;
  const adminOptions: AdapterOptions = { ...shared, ...adminAdapterOptions };
  await addRedisClients(runtime, adminOptions, outage, 'the admin bus');
  runtime.adminBus = await connectAdminBus(runtime, adminOptions);
}

/** Socket.IO calls an adapter with `new`, which an arrow function does not allow. */
function constructible(adapter: AdapterConstructor): AdapterConstructor {
  if ((adapter as { prototype?: object }).prototype) return adapter;
  const make = adapter as (namespace: Namespace) => Adapter;
  return function makeAdapter(namespace: Namespace) {
    return make(namespace);
  } as unknown as AdapterConstructor;
}
