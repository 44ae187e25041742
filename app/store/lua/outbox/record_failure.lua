-- An attempt ended without a post: known not to have arrived (Discord refused it), or unknown.
-- Returns {ms since the first failure, failed attempts}
--#include keys clock values
redis.call('ZREM', keys.deliveries_in_flight, entry_id .. ':' .. chunk)
local failures = redis.call('HINCRBY', entry, 'failures', 1)
-- Not since the commit: what waited for hours because nobody delivered has not failed yet.
redis.call('HSETNX', entry, 'failing', int(now))
-- Only a first attempt that surely did not arrive leaves nothing unknown behind; one that lost its lease may no longer tell,
-- since another's attempt may be the first by now.
if absent and redis.call('GET', delivery) == owner and redis.call('HGET', entry, 'tries:' .. chunk) == '1' then
  redis.call('HDEL', entry, 'first:' .. chunk, 'last:' .. chunk)
end
return {now - (tonumber(redis.call('HGET', entry, 'failing') or nil) or now), failures}
