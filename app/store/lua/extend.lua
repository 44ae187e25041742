-- Keep a delivery lease that is still mine. One that was given back or lost is not revived.
-- KEYS  1 delivery lease   ARGV  1 owner  2 lease ms
-- Returns 1 or 0
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
