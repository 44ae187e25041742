-- Refusals of Discord that are still remembered.
--#include clock

-- What Discord refused a bot in a channel and is still remembered, as {kind, reason, kind, reason, ...}. What is no hash is
-- another program's key in its place: nothing is known.
local function barred(key)
  local found = {}
  if redis.call('TYPE', key).ok ~= 'hash' then return found end
  local flat = redis.call('HGETALL', key)
  for i = 1, #flat, 2 do
    local until_ms, reason = string.match(flat[i + 1], '^(%d+) (.*)$')
    if until_ms and tonumber(until_ms) > now then
      found[#found + 1] = flat[i]
      found[#found + 1] = reason
    end
  end
  return found
end
