-- Send a dead letter again: it goes to the end of its channel's outbox with its clock reset. What may have arrived is still known
-- (`first`), so that a read-back comes before the POST.
-- KEYS  1 entry  2 dead  3 outbox  4 deliveries:due  5 answer  6 journal   ARGV  1 entry id  2 bot  3 channel
-- Returns 1, or 0 when it is no dead letter
--#include keys
--#include lib
-- One whose entry has expired stays on the list with its reason: there is nothing left to send.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HDEL', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'committed_at', int(now), 'deliver_by', '')
redis.call('HDEL', KEYS[1], 'failing', 'failures', 'waits')
redis.call('RPUSH', KEYS[3], ARGV[1])
redis.call('PEXPIRE', KEYS[3], 30 * DAY)
redis.call('ZADD', KEYS[4], 'LT', int(now), ARGV[2] .. ':' .. ARGV[3])
redis.call('HSET', KEYS[5], ARGV[2], 'committed:' .. ARGV[1])
redis.call('PEXPIRE', KEYS[5], 26 * HOUR)
journal(KEYS[6], ARGV[2], 'deliver', 'retried', 'by the operator')
return 1
