-- An entry waits for something that its operator must mend: one journal line for each reason, not one for each try.
-- Returns 1, or 0 when the journal knows or the entry is gone
--#include journal
if redis.call('EXISTS', entry) == 0 or redis.call('HGET', entry, 'waits') == reason then return 0 end
redis.call('HSET', entry, 'waits', reason)
record(journal, bot, 'deliver', 'waits', reason)
return 1
