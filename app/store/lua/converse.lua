-- A bot takes part in a conversation: it has ended when nothing was added for a while.
-- KEYS  1 conversations:due   ARGV  1 bot:channel  2 in ms
--#include keys
--#include lib
redis.call('ZADD', KEYS[1], int(now + tonumber(ARGV[2])), ARGV[1])
redis.call('PEXPIRE', KEYS[1], DAY)
return 1
