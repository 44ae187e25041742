-- Count one session with Discord, and forget those that are older than a day.
-- `session`: <Unix ms>:<request>. Returns how many the last day holds
redis.call('ZADD', identifies, at_ms, session)
redis.call('ZREMRANGEBYSCORE', identifies, '-inf', string.format('%d', at_ms - IDENTIFIES_TTL))
redis.call('PEXPIRE', identifies, IDENTIFIES_TTL)
return redis.call('ZCARD', identifies)
