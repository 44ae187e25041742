-- End a cycle: clear its lane or make it due again, and release the lock, in one step.
-- KEYS  1 lock  2 wake:<lane>  3 wakes:due  4 request  5 the lane's inbox  6 work
-- ARGV  1 lane  2 lock owner  3 seq read at the beginning  4 retry in ms ('' none)  5 bot if autonomous, else ''
--       6 everything (1: the cycle read the whole inbox)
-- Returns {verdict, due in ms}
--#include keys
--#include lib
local earlier = redis.call('GET', KEYS[4])
if earlier then return cjson.decode(earlier) end
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return {'lost', 0} end
local retry, due = tonumber(ARGV[4]), nil
local cool = ARGV[5] ~= '' and cooled(ARGV[5]) or 0
if (redis.call('HGET', KEYS[2], 'seq') or '') ~= ARGV[3] then due = now + cool end
-- Triggers that met a cooled bot wait in the inbox, or a poll is to come. A cycle that read the whole inbox has seen to what
-- was due; one that comes back does so again.
for _, mark in ipairs({'full', 'poll'}) do
  if ARGV[6] == '1' and not retry then redis.call('HDEL', KEYS[2], mark .. '_now') end
  local at = tonumber(redis.call('HGET', KEYS[2], mark) or nil)
  if not retry and redis.call('HEXISTS', KEYS[2], mark .. '_now') == 1 then at = now end
  if at then due = math.min(due or math.huge, math.max(at, now + cool)) end
end
if retry then
  due = math.min(due or math.huge, now + retry)
  if ARGV[5] ~= '' and ARGV[6] == '1' then redis.call('HSET', KEYS[2], 'full_now', 1) end
end
-- What a cycle leaves undone (a lost floor, more than it could read) must find another one, whatever its caller remembers.
local left = ARGV[5] == '' and redis.call('XLEN', KEYS[5]) or redis.call('HLEN', KEYS[6])
if not due and left > 0 then due = now + 1000 end
local outcome
if due then
  redis.call('ZADD', KEYS[3], int(due), ARGV[1])
  -- The caller sends the hint when it is due now; the pump sends all others.
  redis.call('HSET', KEYS[2], 'hinted', int(now), 'hints', 0)
  outcome = {'again', due - now}
else
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('DEL', KEYS[2])
  outcome = {'clear', 0}
end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[4], cjson.encode(outcome), 'PX', 600000)
return outcome
