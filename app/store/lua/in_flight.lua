-- How many POSTs have neither ended nor timed out.
-- KEYS  1 deliveries:in_flight
--#include keys
--#include lib
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', int(now))
return redis.call('ZCARD', KEYS[1])
