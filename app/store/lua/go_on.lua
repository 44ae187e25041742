-- A moderator ends the moderators' mute of a channel.
-- KEYS  1 the moderators' mute  2 the operator's
-- Returns 1, or 0 when the operator's stands
redis.call('DEL', KEYS[1])
return 1 - redis.call('EXISTS', KEYS[2])
