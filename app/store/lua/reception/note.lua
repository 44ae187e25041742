-- A sign by one person about a bot's post in a channel: it pulls that person's share some of the way
-- (app/rules/reception.py). Returns the share now, as text
--#include once reception
local earlier = earlier_reply(request)
if earlier then return earlier end

local name = channel .. ':' .. person
local before = share_left(redis.call('HGET', as_hash(reception), name) or nil, half_life_ms)
local value = before + rate * (towards - before)
redis.call('HSET', reception, name, cjson.encode({value = value, at_ms = now}))
if redis.call('HLEN', reception) > most then
  local least, which = math.huge, nil
  local flat = redis.call('HGETALL', reception)
  for place = 1, #flat, 2 do
    local size = math.abs(share_left(flat[place + 1], half_life_ms))
    if flat[place] ~= name and size < least then least, which = size, flat[place] end
  end
  redis.call('HDEL', reception, which)
end
redis.call('PEXPIRE', reception, PERSON_TTL)
return reply_once(request, string.format('%.6f', value))
