-- Take the conversations that have ended, each once.
-- KEYS  1 conversations:due   ARGV  1 most
-- Returns {bot:channel, ...}
--#include keys
--#include lib
local ended = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(now), 'LIMIT', 0, ARGV[1])
if #ended > 0 then redis.call('ZREM', KEYS[1], unpack(ended)) end
return ended
