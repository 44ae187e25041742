-- The floor of a channel: who may speak.
--#include lanes

-- The floor of a channel: a lease (`until`, by Redis's clock) with a fencing token that never repeats. The key outlives the
-- lease, so that the time since which the floor is free is known.
-- Returns the holder or nil, the last token, and since when the floor is free (ms).
local function floor_of(key)
  local f = redis.call('HMGET', key, 'bot', 'message', 'token', 'kind', 'entry', 'until')
  local token, until_ms = tonumber(f[3] or nil), tonumber(f[6] or nil)
  -- A floor edited by hand into nonsense, or one that claims to last for ever, is nobody's.
  if not f[1] or not token or not until_ms or until_ms <= now or until_ms > now + FLOOR_TTL then
    return nil, token and token < now_us + 1e9 and token or 0, until_ms and math.min(until_ms, now) or 0
  end
  return {bot = f[1], message = f[2], token = f[3], kind = f[4], entry = f[5], until_ms = until_ms}, token, 0
end

local function take_floor(key, previous, bot, message, kind, lease)
  local token = int(math.max(previous + 1, now_us))
  -- The `entry` of the last holder must not stay: it would be a post on its way.
  redis.call('DEL', key)
  redis.call('HSET', key, 'bot', bot, 'message', message, 'token', token, 'kind', kind, 'until', int(now + lease))
  redis.call('PEXPIRE', key, FLOOR_TTL)
  return token
end

-- Whoever waits first for a free floor is due now, and is told to the caller: a lane, or `#<message>` for an election.
local function wake_waiting(waiting)
  local first = redis.call('ZPOPMIN', waiting)
  if not first[1] then return '' end
  if string.sub(first[1], 1, 1) == '#' then
    redis.call('ZADD', keys.elections_due, 'XX', int(now), string.sub(first[1], 2))
  else
    wake_lane(first[1], string.find(first[1], ':', 1, true) and 'direct' or 'immediate_trigger', now)
  end
  return first[1]
end

-- Somebody settled while nobody held the floor: whoever waits for the next one counts from now.
local function still_free(key)
  redis.call('HSET', key, 'until', int(now))
  redis.call('PEXPIRE', key, FLOOR_TTL)
end

local function free_floor(key, waiting)
  redis.call('HDEL', key, 'bot', 'message', 'kind', 'entry')
  redis.call('HSET', key, 'until', int(now))
  redis.call('PEXPIRE', key, FLOOR_TTL)
  return wake_waiting(waiting)
end
