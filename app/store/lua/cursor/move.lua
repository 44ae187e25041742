-- Move cursors forward, never back. `moves`: for each of `cursors` what it passes, 'channel message channel message ...'.
-- Returns how many channels moved
--#include values
local moved = 0
for place, cursor in ipairs(cursors) do
  local channels, messages, ahead = {}, {}, {}
  for channel, message in string.gmatch(moves[place], '(%S+) (%S+)') do
    channels[#channels + 1], messages[#messages + 1] = channel, message
  end
  local known = redis.call('HMGET', cursor, unpack(channels))
  for i, channel in ipairs(channels) do
    if newer(messages[i], known[i]) then ahead[#ahead + 1], ahead[#ahead + 2] = channel, messages[i] end
  end
  if next(ahead) then
    redis.call('HSET', cursor, unpack(ahead))
    redis.call('PEXPIRE', cursor, CURSOR_TTL)
    moved = moved + #ahead / 2
  end
end
return moved
