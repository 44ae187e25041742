-- Renew a floor lease while the model writes.
-- Returns 1: renewed, 0: lost
--#include floor
local holder = floor_of(floor)
if not holder or holder.bot ~= bot or holder.message ~= message or holder.token ~= token or holder.entry then return 0 end
redis.call('HSET', floor, 'until', int(now + lease_ms))
redis.call('PEXPIRE', floor, FLOOR_TTL)
return 1
