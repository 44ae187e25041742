-- Add points of trust for one person, at most so many a day; absence has cost some meanwhile (app/rules/trust.py).
-- Returns the points now
--#include once trust
local earlier = earlier_reply(request)
if earlier then return earlier end

local function left(stored)
  return math.max(0, stored.points - math.max(0, math.floor((now - stored.at_ms) / DAY) - grace_days))
end

local stored = points_of(redis.call('HGET', as_hash(trust), person) or nil, most)
local earned = stored.day == epoch_day() and stored.today or 0
local more = math.max(0, math.min(points, daily - earned))
local total = math.min(left(stored) + more, most)
redis.call('HSET', trust, person,
  cjson.encode({points = total, at_ms = now, day = epoch_day(), today = earned + more}))
if redis.call('HLEN', trust) > people then
  local least, who = math.huge, nil
  local flat = redis.call('HGETALL', trust)
  for i = 1, #flat, 2 do
    local has = left(points_of(flat[i + 1], most))
    if flat[i] ~= person and has < least then least, who = has, flat[i] end
  end
  redis.call('HDEL', trust, who)
end
redis.call('PEXPIRE', trust, PERSON_TTL)
return reply_once(request, total)
