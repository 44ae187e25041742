-- Ask to write a bot's diary or dream of one date. A writer that dies loses the claim at the end of its lease.
-- KEYS  1 dates  2 claim   ARGV  1 date  2 owner  3 lease ms
-- Returns claimed | written | busy
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 'written' end
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[2] then return 'busy' end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 'claimed'
