/** So many events for one socket alone are stored; the oldest go first. */
export const MAX_EVENTS = 200;

/*
 * A session is a hash: `g` its generation, `h` the hub that has it, `v` its state, `t` whether events were trimmed. The list
 * beside it has events for the socket alone. Both names share a hash tag, and so a node of a cluster.
 */

/** KEYS: session, events. ARGV: generation, hub, repeated, state or nothing, milliseconds to keep, whether events are replaced, whether earlier ones are not among them, events. */
export const WRITE_SCRIPT = `
local stored = tonumber(redis.call('HGET', KEYS[1], 'g') or '-1')
local generation = tonumber(ARGV[1])
if stored > generation then return 0 end
if stored == generation and ARGV[3] == '0' and redis.call('HGET', KEYS[1], 'h') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'g', ARGV[1], 'h', ARGV[2])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'v', ARGV[4]) end
if ARGV[6] == '1' then
  redis.call('DEL', KEYS[2])
  redis.call('HDEL', KEYS[1], 't')
end
if ARGV[7] == '1' then redis.call('HSET', KEYS[1], 't', '1') end
for index = 8, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[index]) end
if redis.call('LLEN', KEYS[2]) > ${MAX_EVENTS} then
  redis.call('LTRIM', KEYS[2], -${MAX_EVENTS}, -1)
  redis.call('HSET', KEYS[1], 't', '1')
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1`;

/** KEYS: session, events. ARGV: generation. */
export const REMOVE_SCRIPT = `
if tonumber(redis.call('HGET', KEYS[1], 'g') or '-1') > tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
return 1`;

/** KEYS: session, events. ARGV: generation, hub. */
export const CLAIM_SCRIPT = `
if tonumber(redis.call('HGET', KEYS[1], 'g') or '-1') ~= tonumber(ARGV[1]) then return false end
local hub = redis.call('HGET', KEYS[1], 'h')
redis.call('HSET', KEYS[1], 'g', tonumber(ARGV[1]) + 1, 'h', ARGV[2])
return { hub, redis.call('HGET', KEYS[1], 'v'), redis.call('HGET', KEYS[1], 't') or '', redis.call('LRANGE', KEYS[2], 0, -1) }`;
