-- A day's budgets that changed at a time or later, in the order of their last change.
-- Returns {scope, Unix ms of its last change, {field, count, ...}} for each of the first `most`
--#include keys values
local scopes = redis.call('ZRANGEBYSCORE', keys.budgets_changed(int(day)), since, '+inf', 'WITHSCORES', 'LIMIT', 0, most)
local found = {}
for place = 1, #scopes, 2 do
  local counts = redis.pcall('HGETALL', keys.budget(scopes[place], int(day)))
  found[#found + 1] = {scopes[place], scopes[place + 1], counts.err and {} or counts}
end
return found
