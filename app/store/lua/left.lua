-- Triggers that a cycle saw and did not answer: journaled once each, so that `why` can tell that they were seen.
-- KEYS  1 lock   ARGV  1 lock owner  2 bot  3 reason  4... messages
--#include keys
--#include lib
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local noted = 0
for i = 4, #ARGV do
  local bids = keys.bids(ARGV[i])
  if redis.call('EXISTS', bids) == 1 and redis.call('HSETNX', bids, '#left:' .. ARGV[2], int(now)) == 1 then
    journal(keys.journal(ARGV[i]), ARGV[2], 'plan', 'left', ARGV[3])
    noted = noted + 1
  end
end
return noted
