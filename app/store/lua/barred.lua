-- What Discord refused a bot in a channel lately.
-- KEYS  1 refusals
-- Returns {kind, reason, kind, reason, ...} of what is still remembered
--#include keys
--#include lib
--#include refusals
return barred(KEYS[1])
