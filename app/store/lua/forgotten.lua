-- Note that a person is forgotten as of now; what was said until then is never kept again.
-- KEYS  1 forgotten   ARGV  1 digest of the person's id  2 margin in ms for clocks that differ  3 how long it is kept, ms
-- Returns the Unix ms up to which what the person said is old
--#include keys
--#include lib
local mark = now + tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', int(now - tonumber(ARGV[3])))
redis.call('ZADD', KEYS[1], int(mark), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return mark
