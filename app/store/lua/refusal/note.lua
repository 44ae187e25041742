-- Remember that Discord refused a bot something in a channel. Each kind has a time of its own. What is no hash is another
-- program's key in its place: it is left as it is.
-- Returns 1: news, 0: it was remembered already
--#include clock values
if redis.call('EXISTS', refusals) == 1 and redis.call('TYPE', refusals).ok ~= 'hash' then return 0 end
local known = redis.call('HGET', refusals, kind)
local until_ms = known and tonumber(string.match(known, '^(%d+) ') or nil) or 0
redis.call('HSET', refusals, kind, int(now + remember_ms) .. ' ' .. reason)
redis.call('PEXPIRE', refusals, remember_ms)
return until_ms > now and 0 or 1
