-- Discord refused a chunk for good: something else takes its place in the entry, under the same nonce. From here on
-- every deliverer of the entry knows only the replacement.
-- Returns 1, or 0 when the lease is not mine, the chunk is delivered or the entry is gone
--#include journal budgets
if redis.call('GET', delivery) ~= owner then return 0 end
local e = redis.call('HMGET', entry, 'body', 'chunk:' .. chunk, 'bot', 'root')
if not e[1] or e[2] then return 0 end
redis.call('HSET', entry, 'body', body)
redis.call('HDEL', entry, 'failing', 'failures', 'waits')
-- Nothing can have arrived under this nonce: no read-back has to come first.
if absent then redis.call('HDEL', entry, 'first:' .. chunk, 'last:' .. chunk, 'tries:' .. chunk) end
redis.call('ZREM', keys.deliveries_in_flight, entry_id .. ':' .. chunk)
if worded then
  redis.call('ZADD', recent_posts, int(now), e[3] .. ':' .. entry_id)
  redis.call('PEXPIRE', recent_posts, QUIET_TTL)
  book(budgets_of(e[3], '', '', {}), e[4] or '', cost_of(1, 0, 0), epoch_day())
end
record(journal, e[3], 'deliver', 'second_way', way)
return 1
