-- Put items into one part of a bot's memory. Whatever is older than the expiry goes, however much is written; above the most
-- items, or the most bytes, the oldest go (fields begin with snowflakes, so they tell their time and sort by it).
-- `items`: field, JSON, field, JSON, ...; `left`: how many stay when there are more than `most`, and so what share of the bytes;
-- `person`: whom the part is about, with the most people and the most bytes of all of them. Returns how many were cleared.
-- All items of the lines said are looked at only when one may have to go: `size` tells how old the oldest is and what all take.
--#include clock values people
local noted = not person and redis.pcall('GET', size)
local oldest, bytes = string.match(type(noted) == 'string' and noted or '', '^(%d+) (%d+)$')
oldest, bytes = tonumber(oldest), tonumber(bytes)

local function age_of(field)
  local id = tonumber(string.match(field, '^%d+'))
  return id and now - (math.floor(id / 4194304) + 1420070400000)
end

local function note_size()
  redis.call('SET', size, int(oldest) .. ' ' .. int(bytes), 'PX', expiry_ms)
end

for i = 1, #items, 2 do
  local field, value = items[i], items[i + 1]
  redis.call('HSET', memory, field, value)
  if bytes then
    oldest = math.min(oldest, now - (age_of(field) or 0))
    -- One that is written again counts twice, until all are looked at.
    bytes = bytes + #field + #value
  end
end
redis.call('PEXPIRE', memory, expiry_ms)
if bytes and bytes <= most_bytes and now - oldest <= expiry_ms and redis.call('HLEN', memory) <= most then
  note_size()
  return 0
end

local fields, cleared = {}, 0
oldest, bytes = now, 0

local function clear(field)
  redis.call('HDEL', memory, field)
  cleared = cleared + 1
end

for _, field in ipairs(redis.call('HKEYS', memory)) do
  local age = age_of(field)
  if age and age > expiry_ms then
    clear(field)
  else
    fields[#fields + 1] = field
    bytes = bytes + #field + redis.call('HSTRLEN', memory, field)
    oldest = math.min(oldest, now - (age or 0))
  end
end
if #fields > most or bytes > most_bytes then
  table.sort(fields, function(a, b) return a ~= b and newer(b, a) end)
  local last = #fields > most and #fields - left or 0
  local room = bytes > most_bytes and most_bytes * left / most or most_bytes
  for place = 1, #fields do
    if place > last and bytes <= room then break end
    bytes = bytes - #fields[place] - redis.call('HSTRLEN', memory, fields[place])
    clear(fields[place])
  end
end
if person then
  keep_people(people, memory, person, bytes, expiry_ms, most_people, most_people_bytes)
else
  note_size()
end
return cleared
