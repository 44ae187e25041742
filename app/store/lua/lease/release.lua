-- Give a lease back if it is still the owner's. Returns 1 or 0.
if redis.call('GET', lease) ~= owner then return 0 end
return redis.call('DEL', lease)
