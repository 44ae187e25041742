-- Publish one bot in the roster.
-- KEYS  1 roster   ARGV  1 bot  2 entry JSON  3 expiry ms
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
