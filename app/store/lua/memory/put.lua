-- Put items into one part of a bot's memory. Whatever is older than the expiry goes, however much is written; above the most
-- items, or the most bytes, the oldest go (fields begin with snowflakes, so they tell their time and sort by it).
-- `items`: field, JSON, field, JSON, ...; `left`: how many stay when there are more than `most`; `person`: whom the part is
-- about, with the most people and the most bytes of all of them. Returns how many were cleared.
--#include clock values people
for i = 1, #items, 2 do redis.call('HSET', memory, items[i], items[i + 1]) end
redis.call('PEXPIRE', memory, expiry_ms)
local fields, bytes, cleared = {}, 0, 0

local function clear(field)
  redis.call('HDEL', memory, field)
  cleared = cleared + 1
end

for _, field in ipairs(redis.call('HKEYS', memory)) do
  local id = tonumber(string.match(field, '^%d+'))
  if id and now - (math.floor(id / 4194304) + 1420070400000) > expiry_ms then
    clear(field)
  else
    fields[#fields + 1] = field
    bytes = bytes + #field + redis.call('HSTRLEN', memory, field)
  end
end
if #fields > most or bytes > most_bytes then
  table.sort(fields, function(a, b) return a ~= b and newer(b, a) end)
  local last = #fields > most and #fields - left or 0
  for place = 1, #fields do
    if place > last and bytes <= most_bytes then break end
    bytes = bytes - #fields[place] - redis.call('HSTRLEN', memory, fields[place])
    clear(fields[place])
  end
end
if person then keep_people(people, memory, person, bytes, expiry_ms, most_people, most_people_bytes) end
return cleared
