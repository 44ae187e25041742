-- Put items into one part of a bot's memory. Whatever is older than the expiry goes, however much is written; above the most
-- items, or the most bytes, the oldest go (fields begin with snowflakes, so they tell their time and sort by it).
-- KEYS  1 hash  2 people of the bot (a part about a person alone)
-- ARGV  1 most items  2 items left after a clearing  3 expiry ms  4 most bytes  5 person ('' a part about nobody)
--       6 most people  7 most bytes of all people  8... field, JSON, field, JSON
-- Returns how many were cleared
--#include keys
--#include lib
--#include people
local most, left, expiry, most_bytes = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
for i = 8, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], expiry)
local fields, bytes, cleared = {}, 0, 0

local function clear(field)
  redis.call('HDEL', KEYS[1], field)
  cleared = cleared + 1
end

for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local id = tonumber(string.match(field, '^%d+'))
  if id and now - (math.floor(id / 4194304) + 1420070400000) > expiry then
    clear(field)
  else
    fields[#fields + 1] = field
    bytes = bytes + #field + redis.call('HSTRLEN', KEYS[1], field)
  end
end
if #fields > most or bytes > most_bytes then
  table.sort(fields, function(a, b) return a ~= b and newer(b, a) end)
  local last = #fields > most and #fields - left or 0
  for place = 1, #fields do
    if place > last and bytes <= most_bytes then break end
    bytes = bytes - #fields[place] - redis.call('HSTRLEN', KEYS[1], fields[place])
    clear(fields[place])
  end
end
if ARGV[5] ~= '' then keep_people(KEYS[2], KEYS[1], ARGV[5], bytes, expiry, tonumber(ARGV[6]), tonumber(ARGV[7])) end
return cleared
