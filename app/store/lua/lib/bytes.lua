-- Byte budgets of what strangers can fill: the oldest goes first.
--#include keys values

local INBOX_BYTES = 4000000
-- Smaller entries cannot fill half of an inbox, however many it may hold: they are not weighed.
local SMALL_ENTRY = 1500
local WAITING_BYTES = 2000000
-- No entry is larger than a fraction of the budget: so few are not weighed.
local FEW_ENTRIES = 20

local function bytes_of(key) return redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 0) or 0 end

-- After a large entry: the inbox keeps half of its budget, so that the small ones after it have the other.
local function trim_inbox(key, entry_bytes)
  if entry_bytes <= SMALL_ENTRY then return end
  local length = redis.call('XLEN', key)
  while length > 1 and bytes_of(key) > INBOX_BYTES / 2 do
    length = math.floor(length * 0.9)
    redis.call('XTRIM', key, 'MAXLEN', math.max(1, length))
  end
end

-- How full the direct messages that wait are; 1 is all that may wait.
local function fullness(key, most)
  local waiting = redis.call('XLEN', key)
  local full = waiting / most
  if waiting > FEW_ENTRIES then full = math.max(full, bytes_of(key) / WAITING_BYTES) end
  return full, waiting
end

-- A message of this channel leaves so many bytes more: journal lines, the event that an election keeps. Above the channel's
-- budget those of its oldest messages go. The score is a running sum.
local function leave_bytes(channel, message, bytes, most)
  local key = keys.left_bytes(channel)
  local newest = redis.pcall('ZRANGE', key, -1, -1, 'WITHSCORES')
  if newest.err then
    redis.call('DEL', key)
    newest = {}
  end
  local sum = (tonumber(newest[2] or nil) or 0) + bytes
  redis.call('ZADD', key, int(sum), message)
  redis.call('PEXPIRE', key, LEFT_TTL)
  -- Bounded: no message pays for more than a hundred old ones.
  for _ = 1, 100 do
    local oldest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    if oldest[1] == message or sum - tonumber(oldest[2]) <= most then return end
    redis.call('ZREM', key, oldest[1])
    redis.call('DEL', keys.journal(oldest[1]), keys.event(oldest[1]))
  end
end
