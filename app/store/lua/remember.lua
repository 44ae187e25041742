-- Store one field of a hash that expires a while after its last write.
-- KEYS  1 hash   ARGV  1 field  2 value  3 expiry ms
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
