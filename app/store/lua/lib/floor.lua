-- The floor of a channel: who may speak, and who is next. Bots that were spoken to and wait stand in a queue, first come, first
-- served: `waiting` (bot: place). Who is named behind others of one message waits for those first, in `following` of that message
-- (bot: place), and keeps nobody from the floor meanwhile. `awaited` (bot: ms) says by when each asks again: a bot that is a lease
-- late is away, and is passed over. Elections have the floor when no such bot waits, the oldest first.
--#include lanes
local UNKNOWN_LEASE = 15000

-- The floor itself is a lease (`until`, by Redis's clock) with a fencing token that never repeats.
-- Returns the holder or nil, and the last token.
local function floor_of(key)
  local f = redis.call('HMGET', key, 'bot', 'message', 'token', 'kind', 'entry', 'until')
  local token, until_ms = tonumber(f[3] or nil), tonumber(f[6] or nil)
  -- A floor edited by hand into nonsense, or one that claims to last for ever, is free.
  if not f[1] or not token or not until_ms or until_ms <= now or until_ms > now + FLOOR_TTL then
    return nil, token and token < now_us + 1e9 and token or 0
  end
  return {bot = f[1], message = f[2], token = f[3], kind = f[4], entry = f[5], until_ms = until_ms}, token
end

local function take_floor(key, previous, bot, message, kind, lease)
  local token = int(math.max(previous + 1, now_us))
  -- The `entry` of the last holder must not stay: it would be a post on its way.
  redis.call('DEL', key)
  redis.call('HSET', key, 'bot', bot, 'message', message, 'token', token, 'kind', kind, 'until', int(now + lease),
    'lease', lease)
  redis.call('PEXPIRE', key, FLOOR_TTL)
  return token
end

-- The bot asks for the floor again by `by`, or is away a lease later.
local function await(channel, bot, by)
  redis.call('HSET', keys.awaited(channel), bot, int(by))
  redis.call('PEXPIRE', keys.awaited(channel), WAITING_TTL)
end

local function awaited_by(channel, bot)
  return tonumber(redis.call('HGET', keys.awaited(channel), bot) or nil) or 0
end

-- A bot has had the floor, and is counted on for a lease more. One that waits for it again keeps the time by which it asks:
-- else nobody would call it.
local function let_go(channel, bot)
  if not redis.call('ZSCORE', keys.waiting(channel), bot) then await(channel, bot, now) end
end

-- A bot keeps its place until it is served.
local function queue_up(channel, bot, place)
  redis.call('ZADD', keys.waiting(channel), 'LT', place, bot)
  redis.call('PEXPIRE', keys.waiting(channel), WAITING_TTL)
end

-- A bot needs not answer this message any more. Nobody waits for a bot that has nothing left to say: it would be counted on for a
-- lease. `inbox`: its direct one of the channel, without that message.
local function stop_waiting(inbox, channel, bot, message)
  redis.call('ZREM', keys.following(message), bot)
  if redis.call('XLEN', inbox) == 0 then redis.call('ZREM', keys.waiting(channel), bot) end
end

-- The queue without those that are away.
local function queue_of(channel, lease)
  local here = {}
  for _, bot in ipairs(redis.call('ZRANGE', keys.waiting(channel), 0, -1)) do
    if awaited_by(channel, bot) + lease > now then
      here[#here + 1] = bot
    else
      redis.call('ZREM', keys.waiting(channel), bot)
    end
  end
  return here
end

-- The floor is free: the first of the queue is called now. Each after it is due a lease later than the one before, should that
-- not come. `asks`: the bot whose cycle runs now.
-- Returns whom the caller may send a hint: a bot, or else the message of an election.
local function call_next(floor, channel, asks)
  local lease = tonumber(redis.call('HGET', floor, 'lease') or nil) or UNKNOWN_LEASE
  local here = queue_of(channel, lease)
  for place, bot in ipairs(here) do
    local due = now + (place - 1) * lease
    -- Called once: an absent bot is not waited for a second time.
    if awaited_by(channel, bot) > due then
      await(channel, bot, due)
      if bot ~= asks then wake_lane(bot .. ':' .. channel, 'direct', due) end
    end
  end
  if here[1] then return here[1], '' end
  local election = redis.call('ZPOPMIN', keys.waiting_elections(channel))[1]
  if election then redis.call('ZADD', keys.elections_due, 'XX', int(now), election) end
  return '', election or ''
end

-- A bot is done with a message: the first of those that are named behind it waits for the floor from now on.
-- Returns as `call_next`, where the floor is free.
local function pass_on(floor, channel, message)
  local first = redis.call('ZPOPMIN', keys.following(message))
  local holder = floor_of(floor)
  if next(first) then
    local bot = first[1]
    queue_up(channel, bot, first[2])
    -- Nobody has called it for this message yet, though it may have spoken meanwhile.
    await(channel, bot, holder and holder.until_ms or now + FLOOR_TTL)
    if holder then wake_lane(bot .. ':' .. channel, 'direct', holder.until_ms) end
  end
  if holder then return '', '' end
  return call_next(floor, channel)
end

local function free_floor(floor)
  redis.call('HDEL', floor, 'bot', 'message', 'kind', 'entry')
  redis.call('HSET', floor, 'until', int(now))
  redis.call('PEXPIRE', floor, FLOOR_TTL)
end
