export { checkRedis, type RedisServer } from './check-server';
export { createRedisClients, RedisClients, type RedisClientsOptions, type RedisLog, type RedisState } from './clients';
export { RedisConnectionError, type RedisErrorCode, RedisSettingError } from './errors';
export type { ClientStatus, RedisClient } from './managed-client';
export { type RedisCallbacks, readRedisCallbacks } from './old-settings';
export { type RedisSources, resolveRedisSettings } from './resolve-settings';
export { type RedisDocument, type RedisMode, type RedisNode, RedisSettings, type RedisTls } from './settings';
export { type MessageHandler, RedisSubscriber } from './subscriber';
