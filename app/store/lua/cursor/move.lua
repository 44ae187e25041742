-- Move cursors forward, never back: in each of `cursors` the one of the channel at the same place.
-- Returns how many moved
--#include values
local moved = 0
for place, cursor in ipairs(cursors) do
  local channel, message = channels[place], messages[place]
  if newer(message, redis.call('HGET', cursor, channel)) then
    redis.call('HSET', cursor, channel, message)
    redis.call('PEXPIRE', cursor, CURSOR_TTL)
    moved = moved + 1
  end
end
return moved
