-- A moderator ends the moderators' mute of a channel.
-- KEYS  1 the moderators' mute   ARGV  1 the scope
-- Returns 1, or 0 when the operator's stands
--#include keys
redis.call('DEL', KEYS[1])
return 1 - redis.call('EXISTS', keys.mute_by_operator(ARGV[1]))
