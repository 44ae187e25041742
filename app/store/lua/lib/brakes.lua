-- Brakes after an emptying. A database without a generation has lost its mutes and budgets, and no gateway has written them again.
--#include keys
local NEXT_LOOK = 1000

-- In how many ms bots may speak unasked; nil where the brakes stand.
local function unasked_in()
  if redis.call('EXISTS', keys.generation) == 0 then return NEXT_LOOK end
  local left = redis.call('PTTL', keys.generation_new)
  return left > 0 and left or nil
end
