-- Put items into one part of a bot's memory. Whatever is older than the expiry goes, however much is written, and above the most
-- items the oldest go (fields begin with snowflakes, so they tell their time and sort by it).
-- KEYS  1 hash   ARGV  1 most items  2 items left after a clearing  3 expiry ms  4... field, JSON, field, JSON
-- Returns how many were cleared
--#include keys
--#include lib
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local fields, cleared_by_age = {}, 0
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local id = tonumber(string.match(field, '^%d+'))
  if id and now - (math.floor(id / 4194304) + 1420070400000) > tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], field)
    cleared_by_age = cleared_by_age + 1
  else
    fields[#fields + 1] = field
  end
end
if #fields <= tonumber(ARGV[1]) then return cleared_by_age end
table.sort(fields, function(a, b) return a ~= b and newer(b, a) end)
local cleared = #fields - tonumber(ARGV[2])
for i = 1, cleared do redis.call('HDEL', KEYS[1], fields[i]) end
return cleared + cleared_by_age
