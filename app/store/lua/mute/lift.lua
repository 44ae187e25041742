-- A moderator ends the moderators' mute of a channel.
-- Returns 1, or 0 when the operator's stands
--#include keys
redis.call('DEL', mute)
return 1 - redis.call('EXISTS', keys.mute_by_operator(scope))
