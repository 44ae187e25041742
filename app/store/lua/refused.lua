-- Remember that Discord refused a bot something in a channel. Each kind has a time of its own. What is no hash is another
-- program's key in its place: it is left as it is.
-- KEYS  1 refusals   ARGV  1 kind (send|refer|react|line)  2 reason  3 remember ms
-- Returns 1: news, 0: it was remembered already
--#include keys
--#include lib
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return 0 end
local known = redis.call('HGET', KEYS[1], ARGV[1])
local until_ms = known and tonumber(string.match(known, '^(%d+) ') or nil) or 0
redis.call('HSET', KEYS[1], ARGV[1], int(now + tonumber(ARGV[3])) .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return until_ms > now and 0 or 1
