-- Take or renew a lease. Returns the holder: the owner, or who has it.
local holder = redis.call('GET', lease)
if holder and holder ~= owner then return holder end
redis.call('SET', lease, owner, 'PX', lease_ms)
return owner
