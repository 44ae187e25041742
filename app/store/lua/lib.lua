-- Shared by every script: Redis's clock (processes' clocks are never trusted), expiries, mutes and the journal.
local HOUR = 3600000
local DAY = 24 * HOUR
local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(now_us / 1000)

local function int(number) return string.format('%.0f', number) end

-- One field of a hash; nil where there is none, or where the key holds something else.
local function field_of(key, field)
  local found = redis.pcall('HGET', key, field)
  return type(found) == 'string' and found or nil
end

-- The key, fit to be written as a hash: what holds something else goes.
local function hash(key)
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', key) end
  return key
end

-- A count that was stored, or nil for what is none.
local function whole(text)
  local count = type(text) == 'string' and string.match(text, '^%d+$') and tonumber(text)
  return count and count < 2 ^ 53 and count or nil
end

-- Is snowflake a newer than b? Compared as text: they do not fit a Lua number exactly.
local function newer(a, b)
  if not b then return true end
  if #a ~= #b then return #a > #b end
  return a > b
end

-- Today in UTC by Redis's clock, as YYYY-MM-DD (Howard Hinnant, chrono-compatible low-level date algorithms).
local function today()
  local z = math.floor(now / DAY) + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02d', year, month, doy - math.floor((153 * mp + 2) / 5) + 1)
end

-- Is anything muted here? The scopes of a mute are the last argument of every script that asks (keys.mute_scopes); the
-- operator's count first. Returns the key and who muted, for the journal.
local function muted_by()
  local named = {}
  for _, key_of in ipairs({keys.mute_by_operator, keys.mute}) do
    for scope in string.gmatch(ARGV[#ARGV], '[^,]+') do named[#named + 1] = key_of(scope) end
  end
  if redis.call('EXISTS', unpack(named)) == 0 then return false end
  for _, key in ipairs(named) do
    if redis.call('EXISTS', key) == 1 then
      local who = redis.call('TYPE', key).ok == 'string' and redis.call('GET', key) or 'nobody knows'
      return key .. ' by ' .. string.sub(who, 1, 100)
    end
  end
  return false
end

-- The same for one scope that a script knows only from what it has read.
local function scope_muted(kind, name)
  local scope = name and kind .. ':' .. name or kind
  return redis.call('EXISTS', keys.mute_by_operator(scope), keys.mute(scope)) > 0
end

-- Write a line. Returns its bytes.
local function journal(key, bot, step, verdict, reason, numbers)
  local line = {at_ms = now, bot = bot, step = step, verdict = verdict, reason = reason or ''}
  if numbers and next(numbers) then line.numbers = numbers end
  local text = cjson.encode(line)
  redis.call('RPUSH', key, text)
  redis.call('LTRIM', key, -500, -1)
  redis.call('PEXPIRE', key, 7 * DAY)
  return #text
end

-- Record a trigger for a lane, due at `due`; of several the earliest stands. The sequence never repeats, so a cycle that
-- compares it can tell that something came since it began.
-- `full`: from then on a cycle must read the whole inbox, not only what was granted to it.
-- A poll is kept apart (`poll`): other wakes come before it, and it is a poll all the same when its time has come.
local function wake(lane, context, due, full)
  local key = keys.wake(lane)
  local seq = math.max((tonumber(redis.call('HGET', key, 'seq')) or 0) + 1, now_us)
  local poll = context == 'poll'
  -- A poll that is to come is no news for the cycle that runs now.
  if not poll or due <= now then redis.call('HSET', key, 'seq', int(seq)) end
  if not poll then redis.call('HSET', key, 'context', context) end
  local mark = poll and 'poll' or full and 'full'
  if mark then redis.call('HSET', key, mark, int(math.min(due, tonumber(redis.call('HGET', key, mark)) or due))) end
  -- A lane that is overdue keeps the time of its last hint: wakes that come faster than the pump's patience must not keep
  -- the pump from repeating a hint that was lost.
  local earlier = tonumber(redis.call('ZSCORE', 'wakes:due', lane) or nil)
  if not earlier or earlier > now then redis.call('HSET', key, 'hinted', int(now), 'hints', 0) end
  redis.call('ZADD', 'wakes:due', 'LT', int(due), lane)
end

-- How long until a bot may act unasked again, in ms; 0: now.
local function cooled(bot)
  local left = redis.call('PTTL', keys.cooldown(bot))
  return left > 0 and left or 0
end
