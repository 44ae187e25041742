-- Compare and set a lease.
-- KEYS  1 lease   ARGV  1 owner  2 lease ms
-- Returns the holder
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return holder end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
