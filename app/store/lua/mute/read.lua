-- A mute that holds. One of a shape that nobody knows holds all the same.
-- Returns {who, ms that it still holds, -1 for good}, or {} when it has ended
local kind = redis.call('TYPE', mute).ok
if kind == 'none' then return {} end
return {kind == 'string' and redis.call('GET', mute) or 'nobody knows', redis.call('PTTL', mute)}
