-- How many POSTs have neither ended nor timed out.
-- KEYS  1 deliveries:in_flight   ARGV  1 only those that time out by then (ms)
--#include keys
--#include lib
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', int(now))
return redis.call('ZCOUNT', KEYS[1], '-inf', ARGV[1])
