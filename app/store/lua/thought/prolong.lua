-- The author of a message that waits for the rest of its thought is seen typing: it waits longer, no matter which bot answers it.
-- Returns 1. `for_ms` ends at the bound of the thought, so however often it is asked, the message does not wait for ever.
--#include keys clock values
local until_ms = math.floor(now + for_ms)
if until_ms > (tonumber(redis.call('GET', thought) or nil) or 0) then
  redis.call('SET', thought, int(until_ms), 'PX', THOUGHT_TTL)
end
local due = tonumber(redis.call('ZSCORE', keys.elections_due, message) or nil)
if redis.call('HGET', election, 'state') == 'open' and due and due > now and due < until_ms then
  redis.call('HSET', election, 'held', int(until_ms))
  redis.call('ZADD', keys.elections_due, int(until_ms), message)
end
return 1
