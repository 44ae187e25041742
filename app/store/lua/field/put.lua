-- Store one field of a hash that expires a while after its last write.
-- `after`: the request of the commit that it follows in one round trip. If that was refused nothing is stored.
-- Returns 1, or 0 where nothing is
--#include once
if after and not went_through(after) then return 0 end
redis.call('HSET', hash, field, value)
redis.call('PEXPIRE', hash, expiry_ms)
return 1
