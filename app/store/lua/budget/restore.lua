-- Raise the counts of a budget after Redis was emptied; what was spent since may be more already.
-- `counts`: field, count, field, count, ... Returns how many were raised
--#include budgets
local raised = 0
for i = 1, #counts, 2 do
  local spent = tonumber(redis.call('HGET', budget, counts[i]) or nil) or 0
  local before = tonumber(counts[i + 1])
  if before and before > spent then
    redis.call('HSET', budget, counts[i], counts[i + 1])
    raised = raised + 1
  end
end
if raised > 0 then
  redis.call('PEXPIRE', budget, BUDGET_TTL)
  note_changes({scope}, int(day))
end
return raised
