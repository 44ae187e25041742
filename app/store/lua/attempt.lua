-- May this chunk be sent now? Asked before each POST, also before those that discord.py repeats by itself.
-- KEYS  1 delivery lease  2 entry  3 journal  4 cause in flight  5 deliveries:in_flight  6 answer
-- ARGV  1 owner  2 entry id  3 chunk  4 nonce  5 nonce window ms  6 request timeout ms  7 lease ms
--       8 looked (1: read back, and it is not there)  9 scopes of a mute
-- Returns {verdict, attempt, first unknown attempt ms, wait ms before reading back}
--#include keys
--#include lib
local chunk, id = ARGV[3], ARGV[2]
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'lost_lease', 0, 0, 0} end
redis.call('PEXPIRE', KEYS[1], ARGV[7])
local e = redis.call('HMGET', KEYS[2], 'body', 'chunk:' .. chunk, 'deliver_by', 'first:' .. chunk, 'last:' .. chunk, 'bot',
  'root', 'hops')
if not e[1] or e[2] then return {'done', 0, 0, 0} end
if redis.call('HEXISTS', KEYS[6], '#deleted') == 1 then return {'cancelled', 0, 0, 0} end
local muted = muted_by()
if muted then return {'muted', 0, 0, 0} end
local first, last, timeout = tonumber(e[4] or nil), tonumber(e[5] or nil), tonumber(ARGV[6])
local deliver_by = tonumber(e[3] or nil)
-- Once a chunk may have arrived it is carried through: an answer cut in half is worse than a late one.
local absent = not first or ARGV[8] == '1'
if deliver_by and deliver_by < now and absent and chunk == '0' then return {'expired', 0, 0, 0} end
-- A POST may reach Discord as late as its timeout: by then the nonce must still be remembered.
if not absent and now + timeout - first >= tonumber(ARGV[5]) then
  return {'read_back', 0, first, math.max(0, last + timeout - now)}
end
if absent then
  redis.call('HSET', KEYS[2], 'first:' .. chunk, int(now), 'tries:' .. chunk, 0)
end
redis.call('HSET', KEYS[2], 'last:' .. chunk, int(now))
local attempts = redis.call('HINCRBY', KEYS[2], 'tries:' .. chunk, 1)
redis.call('HSET', KEYS[4], 'root', e[7] or '', 'hops', e[8] or 0, 'entry', id, 'chunk', chunk, 'nonce', ARGV[4])
redis.call('PEXPIRE', KEYS[4], 2 * DAY)
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', int(now))
redis.call('ZADD', KEYS[5], int(now + timeout), id .. ':' .. chunk)
redis.call('PEXPIRE', KEYS[5], DAY)
return {'send', attempts, absent and now or first, 0}
