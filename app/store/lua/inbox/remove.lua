-- Remove inbox entries that need no answer from this bot. Only the holder of the lane's lock may.
-- `entries`: entry id, message, 1 if the journal is to know, entry id, ... Returns the number removed, or -1 when the lock is lost
--#include journal floor
if redis.call('GET', lock) ~= owner then return -1 end
local removed = 0
for i = 1, #entries, 3 do
  local entry_id, message, journaled = entries[i], entries[i + 1], entries[i + 2]
  local gone = redis.call('XDEL', inbox, entry_id)
  removed = removed + gone
  redis.call('HDEL', work, message)
  if gone == 1 and journaled == '1' then
    record(keys.journal(message), bot, step, 'dropped', reason)
  end
  if channel and gone == 1 then
    stop_waiting(inbox, channel, bot, message)
    -- Bots named after this one have nothing to wait for.
    pass_on(keys.floor(channel), channel, message)
  end
end
return removed
