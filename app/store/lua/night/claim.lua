-- Ask to write a bot's diary or dream of one date. A writer that dies loses the claim at the end of its lease.
-- Returns claimed | written | busy
if redis.call('HEXISTS', dates, date) == 1 then return 'written' end
local holder = redis.call('GET', claim)
if holder and holder ~= owner then return 'busy' end
redis.call('SET', claim, owner, 'PX', NIGHT_LEASE)
return 'claimed'
