-- What Discord refused a bot in a channel lately.
-- Returns {kind, reason, kind, reason, ...} of what is still remembered
--#include refusals
return barred(refusals)
