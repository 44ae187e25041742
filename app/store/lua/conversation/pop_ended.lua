-- Take the conversations that have ended, each once.
-- Returns {bot:channel, ...}
--#include keys clock values
local ended = redis.call('ZRANGEBYSCORE', keys.conversations_due, '-inf', int(now), 'LIMIT', 0, most)
if #ended > 0 then redis.call('ZREM', keys.conversations_due, unpack(ended)) end
return ended
