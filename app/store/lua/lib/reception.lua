-- Shares of a standing as they are kept. What was edited into nonsense is worth nothing: it is no reason to fail.
--#include clock values

-- What a share is worth now (app/rules/reception.py). Without an entry: nothing.
local function share_left(text, half_life_ms)
  local read, found = pcall(cjson.decode, text or '')
  if not read or type(found) ~= 'table' then return 0 end
  local value, at_ms = found.value, found.at_ms
  if type(value) ~= 'number' or value ~= value or type(at_ms) ~= 'number' or at_ms ~= at_ms then return 0 end
  local idle_ms = math.max(0, now - at_ms)
  return math.max(-1, math.min(1, value)) * 0.5 ^ (idle_ms / half_life_ms)
end
