-- A bot is about to say a line: nobody else may say it for it within a day. One that is said again is the newest from now on.
-- Returns 1: it is new, 0: it was said within a day
--#include clock values
redis.call('ZREMRANGEBYSCORE', uttered, '-inf', int(now - UTTERED_TTL))
local new = redis.call('ZADD', uttered, int(now), line)
redis.call('ZREMRANGEBYRANK', uttered, 0, -most - 1)
redis.call('PEXPIRE', uttered, UTTERED_TTL)
return new
