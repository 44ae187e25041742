-- Add points of trust for one person, at most so many a day; absence has cost some meanwhile (app/rules/trust.py).
-- KEYS  1 trust:<bot>  2 request
-- ARGV  1 person  2 points  3 most points a day  4 days of absence that cost nothing  5 most points  6 most people  7 expiry ms
-- Returns the points now
--#include keys
--#include lib
--#include trust
local earlier = redis.call('GET', KEYS[2])
if earlier then return tonumber(earlier) end
local grace, most = tonumber(ARGV[4]), tonumber(ARGV[5])

local function left(stored)
  return math.max(0, stored.points - math.max(0, math.floor((now - stored.at_ms) / DAY) - grace))
end

local stored = points_of(redis.call('HGET', hash(KEYS[1]), ARGV[1]) or nil, most)
local earned = stored.day == today() and stored.today or 0
local more = math.max(0, math.min(tonumber(ARGV[2]), tonumber(ARGV[3]) - earned))
local points = math.min(left(stored) + more, most)
redis.call('HSET', KEYS[1], ARGV[1],
  cjson.encode({points = points, at_ms = now, day = today(), today = earned + more}))
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[6]) then
  local least, who = math.huge, nil
  local flat = redis.call('HGETALL', KEYS[1])
  for i = 1, #flat, 2 do
    local has = left(points_of(flat[i + 1], most))
    if flat[i] ~= ARGV[1] and has < least then least, who = has, flat[i] end
  end
  redis.call('HDEL', KEYS[1], who)
end
redis.call('PEXPIRE', KEYS[1], ARGV[7])
redis.call('SET', KEYS[2], int(points), 'PX', 600000)
return points
