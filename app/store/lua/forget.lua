-- A message was deleted by its author or a moderator: whatever waits for it is cancelled at its next step.
-- KEYS  1 answer  2 journal   ARGV  1 message
-- Returns 1 the first time, 0 after
--#include keys
--#include lib
local first = redis.call('HSETNX', KEYS[1], '#deleted', int(now))
redis.call('PEXPIRE', KEYS[1], 26 * HOUR)
if first == 1 and redis.call('EXISTS', KEYS[2]) == 1 then
  journal(KEYS[2], 'stream', 'forget', 'deleted', 'the message was deleted')
end
return first
