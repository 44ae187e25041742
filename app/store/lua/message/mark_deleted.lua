-- A message was deleted by its author or a moderator: whatever waits for it is cancelled at its next step.
-- Returns 1 the first time, 0 after.
--#include journal values
local first = redis.call('SET', deleted, int(now), 'NX', 'PX', ANSWER_TTL)
if first and redis.call('EXISTS', journal) == 1 then
  record(journal, 'stream', 'forget', 'deleted', 'the message was deleted')
end
return first and 1 or 0
