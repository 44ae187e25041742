-- A call of a model ended without a post: what it cost takes the place of what was held for it.
-- Returns 1, or 0 when nothing is held
--#include once holds
local earlier = earlier_reply(request)
if earlier then return earlier end
return reply_once(request, settle(hold, limits, cost_of(0, tokens, micro_usd)) and 1 or 0)
