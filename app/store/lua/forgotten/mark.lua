-- Note that a person is forgotten as of now; what was said until then is never kept again.
-- Returns the Unix ms, by Discord's clock, up to which what the person said is old
--#include discord
local mark = now + discord_ahead + margin_ms
redis.call('ZREMRANGEBYSCORE', forgotten, '-inf', int(now - FORGOTTEN_TTL))
redis.call('ZADD', forgotten, int(mark), digest)
redis.call('PEXPIRE', forgotten, FORGOTTEN_TTL)
return mark
