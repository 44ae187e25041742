-- A cycle that holds the lane's lock asks whether the lane is due, since which trigger, and what it has to read. One step, so
-- that the sequence and the entries belong together. A lane that is not due gives its lock back here: no hint meets it busy.
-- KEYS  1 lock  2 wake:<lane>  3 wakes:due  4 the lane's inbox  5 work   ARGV  1 lane  2 lock owner  3 most entries
-- Returns {verdict, seq, context, now ms, entries, work}: due | not_due | lost_lock
--#include keys
--#include lib
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return {'lost_lock', '', '', now, {}, {}} end
local due = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[1]) or nil)
if not due or due > now then
  redis.call('DEL', KEYS[1])
  return {'not_due', '', '', now, {}, {}}
end
-- An election's record lives for hours, the work list for days: what it forgot must not keep the bot busy for ever.
for _, message in ipairs(redis.call('HKEYS', KEYS[5])) do
  if redis.call('EXISTS', keys.bids(message)) == 0 then redis.call('HDEL', KEYS[5], message) end
end
local w = redis.call('HMGET', KEYS[2], 'seq', 'context')
-- Newest first where there is more than one cycle can read: what is left comes with the next one.
local entries = redis.call('XREVRANGE', KEYS[4], '+', '-', 'COUNT', ARGV[3])
return {'due', w[1] or '', w[2] or '', now, entries, redis.call('HGETALL', KEYS[5])}
