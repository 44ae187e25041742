-- What is overdue: lanes whose lock is free, elections, deliveries. A lane that was hinted lately is left alone. The first
-- repetitions follow at the patience, as hints do get lost in a row (with a killed worker); then each takes twice as long, so
-- that a backlog at the workers does not breed hints.
-- Returns {lane, context, lane, context, ...}, {message, ...}, {bot:channel, ...}
--#include keys clock values
local PROMPT = 2

local function patient(key, due)
  local h = redis.call('HMGET', key, 'hinted', 'hints')
  local hinted, hints = tonumber(h[1]) or due, tonumber(h[2]) or 0
  -- A lane that becomes due later than its last hint has had no hint for this due time.
  if hinted < due then return true, hints end
  return now - hinted >= patience_ms * 2 ^ math.min(math.max(hints - PROMPT, 0), 4), hints
end

local lanes = {}
for _, lane in ipairs(redis.call('ZRANGEBYSCORE', keys.wakes_due, '-inf', int(now), 'LIMIT', 0, most)) do
  if redis.call('EXISTS', keys.lock(lane)) == 0 then
    local key = keys.wake(lane)
    local due = tonumber(redis.call('ZSCORE', keys.wakes_due, lane))
    local ready, hints = patient(key, due)
    if ready then
      redis.call('HSET', key, 'hinted', int(now), 'hints', hints + 1)
      lanes[#lanes + 1] = lane
      lanes[#lanes + 1] = redis.call('HGET', key, 'context') or 'poll'
    end
  end
end
local deliveries = {}
for _, pair in ipairs(redis.call('ZRANGEBYSCORE', keys.deliveries_due, '-inf', int(now - patience_ms), 'LIMIT', 0, most)) do
  if redis.call('EXISTS', keys.delivery(pair)) == 0 then deliveries[#deliveries + 1] = pair end
end
return {lanes, redis.call('ZRANGEBYSCORE', keys.elections_due, '-inf', int(now), 'LIMIT', 0, most), deliveries}
