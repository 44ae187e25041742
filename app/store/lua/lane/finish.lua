-- End a cycle: clear its lane or make it due again, and release the lock, in one step.
-- `after`: the request of the commit that it follows in one round trip. If that was refused the cycle goes on.
-- Returns {verdict, due in ms}
--#include once lanes
local earlier = earlier_reply(request)
if earlier then return earlier end
if after and not went_through(after) then return {'kept', 0} end
if redis.call('GET', lock) ~= owner then return {'lost', 0} end
local due
local cool = bot and cooled(bot) or 0
if (redis.call('HGET', wake, 'seq') or '') ~= seq then due = now + cool end
-- Triggers that met a cooled bot wait in the inbox, or a poll is to come. A cycle that read the whole inbox has seen to what
-- was due; one that comes back does so again.
for _, mark in ipairs({'full', 'poll'}) do
  if everything and not retry_ms then redis.call('HDEL', wake, mark .. '_now') end
  local at = tonumber(redis.call('HGET', wake, mark) or nil)
  if not retry_ms and redis.call('HEXISTS', wake, mark .. '_now') == 1 then at = now end
  if at then due = math.min(due or math.huge, math.max(at, now + cool)) end
end
if retry_ms then
  due = math.min(due or math.huge, now + retry_ms)
  if bot and everything then redis.call('HSET', wake, 'full_now', 1) end
end
-- What a cycle leaves undone (a lost floor, more than it could read) must find another one, whatever its caller remembers.
local left = bot and redis.call('HLEN', work) or redis.call('XLEN', inbox)
if not due and left > 0 then due = now + 1000 end
local outcome
if due then
  redis.call('ZADD', keys.wakes_due, int(due), lane)
  -- The caller sends the hint when it is due now; the pump sends all others.
  redis.call('HSET', wake, 'hinted', int(now), 'hints', 0)
  outcome = {'again', due - now}
else
  redis.call('ZREM', keys.wakes_due, lane)
  redis.call('DEL', wake)
  outcome = {'clear', 0}
end
redis.call('DEL', lock)
return reply_once(request, outcome)
