-- Write marks of forgotten people again after Redis was emptied; a later one stands.
-- `marks`: digest, mark, digest, mark, ... Returns how many are marked
for i = 1, #marks, 2 do redis.call('ZADD', forgotten, 'GT', marks[i + 1], marks[i]) end
redis.call('PEXPIRE', forgotten, FORGOTTEN_TTL)
return redis.call('ZCARD', forgotten)
