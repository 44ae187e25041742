-- A message that spoke to this bot is owed no answer any more: an edit took its name out, or it may not write there. What it
-- has committed stands.
-- KEYS  1 answer  2 journal  3 bids  4 floor  5 waiting   ARGV  1 bot  2 step  3 reason
-- Returns 1: cancelled, 0: it has answered, declined or been cancelled before, or the message was edited before it was admitted
--#include keys
--#include lib
--#include floor
if redis.call('HEXISTS', KEYS[3], '#addressed') == 0 then return 0 end
local first = redis.call('HSETNX', KEYS[1], ARGV[1], 'cancelled')
redis.call('PEXPIRE', KEYS[1], 26 * HOUR)
if first == 1 then
  journal(KEYS[2], ARGV[1], ARGV[2], 'cancelled', ARGV[3])
  -- Whoever waits for this bot's answer has nothing to wait for; a holder wakes the next one itself.
  if not floor_of(KEYS[4]) then wake_waiting(KEYS[5]) end
end
return first
