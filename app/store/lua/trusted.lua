-- Points of trust of these people, or of all; a key that is no hash holds none.
-- KEYS  1 trust:<bot>
-- ARGV  1 most points  2.. people (none: everybody)
-- Returns {person, points, at ms, ...}
--#include keys
--#include lib
--#include trust
local most, reply = tonumber(ARGV[1]), {}

local function tell(person, text)
  local stored = points_of(text, most)
  for _, value in ipairs({person, int(stored.points), int(stored.at_ms)}) do reply[#reply + 1] = value end
end

if #ARGV > 1 then
  local found = redis.pcall('HMGET', KEYS[1], unpack(ARGV, 2))
  for place = 1, #found do
    if found[place] then tell(ARGV[place + 1], found[place]) end
  end
  return reply
end
local found = redis.pcall('HGETALL', KEYS[1])
for place = 1, #found, 2 do tell(found[place], found[place + 1]) end
return reply
