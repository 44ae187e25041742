-- A mute that holds. One of a shape that nobody knows holds all the same.
-- KEYS  1 the mute
-- Returns {who, ms that it still holds, -1 for good}, or {} when it has ended
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'none' then return {} end
return {kind == 'string' and redis.call('GET', KEYS[1]) or 'nobody knows', redis.call('PTTL', KEYS[1])}
