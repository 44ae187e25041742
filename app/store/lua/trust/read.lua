-- Points of trust of these people, or of all; a key that is no hash holds none.
-- `people`: none for everybody. Returns {person, points, at ms, ...}
--#include trust
local reply = {}

local function tell(person, text)
  local stored = points_of(text, most)
  for _, value in ipairs({person, int(stored.points), int(stored.at_ms)}) do reply[#reply + 1] = value end
end

if #people > 0 then
  local found = redis.pcall('HMGET', trust, unpack(people))
  for place = 1, #found do
    if found[place] then tell(people[place], found[place]) end
  end
  return reply
end
local found = redis.pcall('HGETALL', trust)
for place = 1, #found, 2 do tell(found[place], found[place + 1]) end
return reply
