-- Write marks of forgotten people again after Redis was emptied; a later one stands.
-- KEYS  1 forgotten   ARGV  1 expiry ms  2... digest, mark, digest, mark, ...
-- Returns how many are marked
for i = 2, #ARGV, 2 do redis.call('ZADD', KEYS[1], 'GT', ARGV[i + 1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('ZCARD', KEYS[1])
