-- How many POSTs have neither ended nor timed out; only those that time out `by` then (ms).
--#include keys clock values
redis.call('ZREMRANGEBYSCORE', keys.deliveries_in_flight, '-inf', int(now))
return redis.call('ZCOUNT', keys.deliveries_in_flight, '-inf', by)
