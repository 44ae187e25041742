-- Triggers that a cycle saw and did not answer: journaled once each, so that `why` can tell that they were seen. Returns how many were.
--#include keys journal values
if redis.call('GET', lock) ~= owner then return 0 end
local noted = 0
for _, message in ipairs(messages) do
  local election = keys.election(message)
  if redis.call('EXISTS', election) == 1 and redis.call('HSETNX', election, 'unanswered:' .. bot, int(now)) == 1 then
    record(keys.journal(message), bot, 'plan', 'left', reason)
    noted = noted + 1
  end
end
return noted
