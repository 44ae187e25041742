-- Send a dead letter again: it goes to the end of its channel's outbox with its clock reset. What may have arrived is still known
-- (`first`), so that a read-back comes before the POST.
-- Returns 1, or 0 when it is no dead letter
-- One whose entry has expired stays on the list with its reason: there is nothing left to send.
--#include keys journal values
if redis.call('EXISTS', entry) == 0 or redis.call('HDEL', dead, entry_id) == 0 then return 0 end
redis.call('HSET', entry, 'committed_at', int(now), 'deliver_by', '')
redis.call('HDEL', entry, 'failing', 'failures', 'waits')
redis.call('RPUSH', outbox, entry_id)
redis.call('PEXPIRE', outbox, OUTBOX_TTL)
redis.call('ZADD', keys.deliveries_due, 'LT', int(now), bot .. ':' .. channel)
redis.call('HSET', answer, bot, 'committed:' .. entry_id)
redis.call('PEXPIRE', answer, ANSWER_TTL)
record(journal, bot, 'deliver', 'retried', 'by the operator')
return 1
