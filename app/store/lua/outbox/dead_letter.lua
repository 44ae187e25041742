-- An entry will not be sent: dead letter with its reason, or dropped on purpose (muted, expired, cancelled). The queue moves on.
-- Returns {next bot, next election}. The removal from the outbox is the token: a repeated call, or one after delivery, does nothing.
--#include journal floor
if redis.call('LREM', outbox, 0, entry_id) == 0 then return {'', ''} end
if verdict == 'dead' then
  redis.call('HSET', dead, entry_id, reason)
  redis.call('PEXPIRE', dead, OUTBOX_TTL)
else
  redis.call('PEXPIRE', entry, DELIVERED_TTL)
end
redis.call('HSET', answer, bot, verdict)
redis.call('PEXPIRE', answer, ANSWER_TTL)
record(journal, bot, 'deliver', verdict, reason)
local holder = floor_of(floor)
if holder and holder.entry == entry_id then
  free_floor(floor)
  if holder.kind == 'direct' then let_go(channel, bot) end
end
return {pass_on(floor, channel, message)}
