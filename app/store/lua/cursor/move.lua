-- Move one cursor forward, never back.
-- Returns 1 when it moved
--#include values
if not newer(message, redis.call('HGET', cursor, channel)) then return 0 end
redis.call('HSET', cursor, channel, message)
redis.call('PEXPIRE', cursor, CURSOR_TTL)
return 1
