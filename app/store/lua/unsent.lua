-- An attempt ended without a post: known not to have arrived (Discord refused it), or unknown.
-- KEYS  1 entry  2 deliveries:in_flight  3 delivery lease
-- ARGV  1 entry id  2 chunk  3 absent (1: it surely did not arrive)  4 owner
-- Returns {ms since the first failure, failed attempts}
--#include keys
--#include lib
redis.call('ZREM', KEYS[2], ARGV[1] .. ':' .. ARGV[2])
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
-- Not since the commit: what waited for hours because nobody delivered has not failed yet.
redis.call('HSETNX', KEYS[1], 'failing', int(now))
-- Only a first attempt that surely did not arrive leaves nothing unknown behind; one that lost its lease may no longer tell,
-- since another's attempt may be the first by now.
if ARGV[3] == '1' and redis.call('GET', KEYS[3]) == ARGV[4] and redis.call('HGET', KEYS[1], 'tries:' .. ARGV[2]) == '1' then
  redis.call('HDEL', KEYS[1], 'first:' .. ARGV[2], 'last:' .. ARGV[2])
end
return {now - (tonumber(redis.call('HGET', KEYS[1], 'failing') or nil) or now), failures}
