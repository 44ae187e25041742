-- Before a model call that no message caused (diary, dream, learning): hold what it may cost.
-- Returns {verdict, reason}: ok | wait | budget
--#include once holds
local earlier = earlier_reply(request)
if earlier then return earlier end
local cost = cost_of(0, tokens, micro_usd)
local root = 'own:' .. bot .. ':' .. epoch_day()
local function unbounded() return nil end
local outcome = take_hold(hold, bot, root, '', '', limits, cost, unbounded)
return outcome[1] == 'ok' and reply_once(request, outcome) or outcome
