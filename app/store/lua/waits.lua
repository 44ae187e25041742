-- An entry waits for something that its operator must mend: one journal line for each reason, not one for each try.
-- KEYS  1 entry  2 journal   ARGV  1 bot  2 reason
-- Returns 1, or 0 when the journal knows or the entry is gone
--#include keys
--#include lib
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[1], 'waits') == ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'waits', ARGV[2])
journal(KEYS[2], ARGV[1], 'deliver', 'waits', ARGV[2])
return 1
