-- Points of trust as they are kept. What was edited into nonsense is worth nothing: it is no reason to fail.
--#include clock values

-- A number from 0 to `most`, or `other` for what is none.
local function within(value, most, other)
  local number = (type(value) == 'number' or type(value) == 'string') and tonumber(value) or nil
  if not number or number ~= number or number < 0 then return other end
  return math.floor(math.min(number, most))
end

-- Somebody's points, the time of the last ones, and what was earned on which day. Without an entry: none.
local function points_of(text, most)
  local read, found = pcall(cjson.decode, text or '')
  if not read or type(found) ~= 'table' then found = {} end
  return {points = within(found.points, most, 0), at_ms = within(found.at_ms, now, now),
    day = type(found.day) == 'string' and found.day or '', today = within(found.today, most, 0)}
end
