-- Keep a lease that is still the owner's; one that was given back or lost is not revived. Returns 1 or 0.
if redis.call('GET', lease) ~= owner then return 0 end
return redis.call('PEXPIRE', lease, lease_ms)
