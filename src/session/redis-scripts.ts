import { createHash } from 'node:crypto';

/** A Lua script for one key, with the digest by which Redis knows it. */
export interface RedisScript {
  source: string;
  sha1: string;
}

/*
 * Sessions stand in Redis as connect-redis writes them: the JSON text of the whole object, cookie included. The scripts
 * take that text apart at its top level and leave the texts of the values alone: decoding and encoding them in Lua would
 * turn empty lists into empty objects and round large numbers.
 */
const SPLIT = `
local function endOfString(text, at)
  local from = at + 1
  while true do
    local hit = string.find(text, '["\\\\\\\\]', from)
    if string.byte(text, hit) == 34 then return hit end
    from = hit + 2
  end
end

local function endOfValue(text, at)
  local first = string.byte(text, at)
  if first == 34 then return endOfString(text, at) end
  if first ~= 123 and first ~= 91 then return string.find(text, '[,}%s]', at) - 1 end
  local depth, from = 0, at
  while true do
    local hit = string.find(text, '["%[%]{}]', from)
    local byte = string.byte(text, hit)
    if byte == 34 then
      hit = endOfString(text, hit)
    elseif byte == 123 or byte == 91 then
      depth = depth + 1
    else
      depth = depth - 1
      if depth == 0 then return hit end
    end
    from = hit + 1
  end
end

-- Writers may escape the same name in different ways.
local function nameOf(text)
  local ok, decoded = pcall(cjson.decode, '[' .. text .. ']')
  if ok then return decoded[1] end
  return text
end

-- The members of an object's text in their order: names as text, and the text of each value by name.
local function split(text)
  local order, values = {}, {}
  local at = string.find(text, '^%s*{') and string.find(text, '{', 1, true) + 1
  while true do
    at = string.find(text, '[^%s,]', at)
    if string.byte(text, at) == 125 then return order, values end
    local nameEnd = endOfString(text, at)
    local nameText = string.sub(text, at, nameEnd)
    local name = nameOf(nameText)
    at = string.find(text, '%S', string.find(text, ':', nameEnd + 1, true) + 1)
    local valueEnd = endOfValue(text, at)
    if not values[name] then order[#order + 1] = { name, nameText } end
    values[name] = string.sub(text, at, valueEnd)
    at = valueEnd + 1
  end
end

local function ageOf(cookieText)
  local ok, cookie = pcall(cjson.decode, cookieText or '')
  if ok and type(cookie) == 'table' then return tonumber(cookie.originalMaxAge) end
  return nil
end

-- Whether two ages are the same but for a drift of express-session's.
local function isSameAge(one, other)
  if not one or not other then return one == other end
  return math.abs(one - other) < 1000
end

-- Whether this writer changed the age since it had read it; an unknown age ('') counts as changed.
local function isOurAge(read, written)
  return read == '' or not isSameAge(tonumber(read), tonumber(written))
end

local function ttlFor(full, isEmpty, empty)
  local ttl = tonumber(full)
  if isEmpty and empty ~= '' then ttl = math.min(ttl, tonumber(empty)) end
  return math.max(1, math.ceil(ttl))
end
`;

/**
 * Saves a session, merged by top-level key with what others saved since it was read. Answers with what became of it
 * (`stored`, `merged`, `gone`) and the digest of what is stored now.
 *
 * ARGV: what the save is based on; the digest of the text that it read; the whole text; whether that is empty ('1');
 * the default time to live; that of an empty session; the cookie's text ('': the stored one stays); its age; the age
 * that was read; its time to live; how many keys changed; their names and values; the names of removed keys.
 */
export const SAVE_SCRIPT = script(`${SPLIT}
local kind, digest, whole, wholeIsEmpty, defaultTtl, emptyTtl = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1', ARGV[5], ARGV[6]
local cookie, age, readAge, cookieTtl, changes = ARGV[7], ARGV[8], ARGV[9], ARGV[10], tonumber(ARGV[11])

local current = redis.call('GET', KEYS[1])
if kind == 'read' and not current then return { 'gone', '' } end
if cookieTtl ~= '' and tonumber(cookieTtl) <= 0 then
  redis.call('DEL', KEYS[1])
  return { 'gone', '' }
end
if cookieTtl == '' then cookieTtl = defaultTtl end

local ok, order, values = false, nil, nil
local isCurrent = kind == 'read' and redis.sha1hex(current) == digest
if current and not isCurrent and (kind ~= 'replace' or cookie == '') then ok, order, values = pcall(split, current) end
if not ok then
  redis.call('SET', KEYS[1], whole, 'PX', ttlFor(cookieTtl, wholeIsEmpty, emptyTtl))
  return { 'stored', redis.sha1hex(whole) }
end

local ttl = cookieTtl
local storedAge = ageOf(values.cookie)
if cookie == '' or (not isOurAge(readAge, age) and not isSameAge(storedAge, tonumber(age))) then
  ttl = storedAge or defaultTtl
else
  if not values.cookie then order[#order + 1] = { 'cookie', '"cookie"' } end
  values.cookie = cookie
end
if kind == 'replace' then
  order = { { 'cookie', '"cookie"' } }
  values = { cookie = values.cookie }
end
local at = 12
for _ = 1, changes do
  local name = nameOf(ARGV[at])
  if not values[name] then order[#order + 1] = { name, ARGV[at] } end
  values[name] = ARGV[at + 1]
  at = at + 2
end
for index = at, #ARGV do
  local name = nameOf(ARGV[index])
  if name ~= 'cookie' then values[name] = nil end
end

local members, isEmpty = {}, true
for _, member in ipairs(order) do
  local value = values[member[1]]
  if value then
    members[#members + 1] = member[2] .. ':' .. value
    if member[1] ~= 'cookie' then isEmpty = false end
  end
end
local merged = '{' .. table.concat(members, ',') .. '}'
redis.call('SET', KEYS[1], merged, 'PX', ttlFor(ttl, isEmpty, emptyTtl))
return { 'merged', redis.sha1hex(merged) }
`);

/**
 * Renews a session's time to live; the value stays as it is, as with connect-redis. Answers whether there is a session.
 *
 * ARGV: the default time to live; that of an empty session; the cookie's age; the age that was read; its time to live.
 */
export const TOUCH_SCRIPT = script(`${SPLIT}
local defaultTtl, emptyTtl, age, readAge, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local current = redis.call('GET', KEYS[1])
if not current then return 0 end
if ttl ~= '' and tonumber(ttl) <= 0 then
  redis.call('DEL', KEYS[1])
  return 0
end
local ok, order, values = pcall(split, current)
if not ok then return 0 end
if ttl == '' then ttl = defaultTtl end
local storedAge = ageOf(values.cookie)
if not isOurAge(readAge, age) and not isSameAge(storedAge, tonumber(age)) then ttl = storedAge or defaultTtl end
local isEmpty = #order == 0 or (#order == 1 and order[1][1] == 'cookie')
redis.call('PEXPIRE', KEYS[1], ttlFor(ttl, isEmpty, emptyTtl))
return 1
`);

function script(source: string): RedisScript {
  return { source, sha1: createHash('sha1').update(source).digest('hex') };
}
