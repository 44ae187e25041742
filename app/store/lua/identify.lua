-- Count one session with Discord, and forget those that are older than a day.
-- KEYS  1 identifies:<bot>   ARGV  1 <Unix ms>:<request>  2 Unix ms  3 a day in ms
-- Returns how many the last day holds
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%d', tonumber(ARGV[2]) - tonumber(ARGV[3])))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('ZCARD', KEYS[1])
