-- Discord refused a chunk for good: something else takes its place in the entry, under the same nonce. From here on whoever
-- delivers the entry knows only the second way.
-- KEYS  1 entry  2 delivery lease  3 journal  4 deliveries:in_flight  5 recent_bot_posts
-- ARGV  1 entry id  2 owner  3 chunk  4 body  5 way  6 absent (1: no attempt can have arrived)  7 posts (1: a reaction became words)
-- Returns 1, or 0 when the lease is not mine, the chunk is delivered or the entry is gone
--#include keys
--#include lib
--#include cause
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
local e = redis.call('HMGET', KEYS[1], 'body', 'chunk:' .. ARGV[3], 'bot', 'root')
if not e[1] or e[2] then return 0 end
redis.call('HSET', KEYS[1], 'body', ARGV[4])
redis.call('HDEL', KEYS[1], 'failing', 'failures', 'waits')
if ARGV[6] == '1' then redis.call('HDEL', KEYS[1], 'first:' .. ARGV[3], 'last:' .. ARGV[3], 'tries:' .. ARGV[3]) end
redis.call('ZREM', KEYS[4], ARGV[1] .. ':' .. ARGV[3])
if ARGV[7] == '1' then
  redis.call('ZADD', KEYS[5], int(now), e[3] .. ':' .. ARGV[1])
  redis.call('PEXPIRE', KEYS[5], DAY)
  book(days_of(e[3], '', '', {}), e[4] or '', cost_of(1, 0, 0), today())
end
journal(KEYS[3], e[3], 'deliver', 'second_way', ARGV[5])
return 1
