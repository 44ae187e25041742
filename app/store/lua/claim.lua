-- Ask for a channel's floor for one message. Only the holder of the lane's lock may.
-- KEYS  1 lock  2 floor  3 answer  4 bids  5 recent_bot_posts  6 waiting  7 cooldown  8 inbox  9 journal  10 work
-- ARGV  1 lane  2 lock owner  3 bot  4 message  5 kind (direct|auto)  6 inbox entry  7 lease ms  8 quiet ms
--       9 addressed before me JSON  10 waiting score  11 scopes of a mute
-- Returns {verdict, token, retry in ms}. Idempotent: a holder that asks again keeps its token.
--#include keys
--#include lib
--#include floor
local lane, bot, message, kind, lease = ARGV[1], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[7])
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return {'lost_lock', '', 0} end
if #redis.call('XRANGE', KEYS[8], ARGV[6], ARGV[6]) == 0 then return {'gone', '', 0} end
if muted_by() then return {'muted', '', 0} end

local holder, previous, free_since = floor_of(KEYS[2])
local mine = holder and holder.bot == bot and holder.message == message and holder.kind == kind and not holder.entry

local function wait(until_ms)
  redis.call('ZADD', KEYS[6], ARGV[10], lane)
  redis.call('PEXPIRE', KEYS[6], DAY)
  return {'wait', '', math.max(until_ms - now, 10)}
end

if kind == 'direct' then
  if redis.call('HEXISTS', KEYS[3], bot) == 1 then return {'answered', '', 0} end
  if redis.call('HEXISTS', KEYS[3], '#deleted') == 1 then return {'gone', '', 0} end
  local unsettled = 0
  for _, before in ipairs(cjson.decode(ARGV[9])) do
    local done = redis.call('HGET', KEYS[3], before)
    if not done or string.sub(done, 1, 9) == 'committed' then unsettled = unsettled + 1 end
  end
  if unsettled > 0 and not mine then
    if holder then return wait(holder.until_ms) end
    -- Each dead predecessor is skipped after one lease of a free floor, so that two successors never come at once.
    local since = math.max(tonumber(redis.call('HGET', KEYS[4], '#addressed') or nil) or 0, free_since)
    if now < since + unsettled * lease then return wait(since + unsettled * lease) end
  end
  if holder and not mine and (holder.kind == 'direct' or holder.entry) then return wait(holder.until_ms) end
  if holder and not mine then
    journal(KEYS[9], bot, 'claim', 'pre_empted', holder.bot .. ' loses the floor to a direct message')
  end
else
  if redis.call('EXISTS', KEYS[3]) == 1 then return {'answered', '', 0} end
  local b = redis.call('HMGET', KEYS[4], '#addressed', '#state', '#winner', '#paid')
  if b[1] then return {'addressed', '', 0} end
  if b[2] == 'open' or (b[4] and b[4] ~= bot) or (b[2] == 'granted' and b[3] ~= bot) then return {'election_open', '', 0} end
  local cool = cooled(bot)
  if cool > 0 then return {'cooled', '', cool} end
  if holder and not mine then return {'wait', '', math.max(holder.until_ms - now, 10)} end
  local last = redis.call('ZRANGE', KEYS[5], -1, -1, 'WITHSCORES')
  if last[2] and tonumber(last[2]) + tonumber(ARGV[8]) > now then
    return {'quiet', '', tonumber(last[2]) + tonumber(ARGV[8]) - now}
  end
end
redis.call('ZREM', KEYS[6], lane)
if mine then
  redis.call('HSET', KEYS[2], 'until', int(now + lease))
  redis.call('PEXPIRE', KEYS[2], HOUR)
  return {'granted', holder.token, 0}
end
return {'granted', take_floor(KEYS[2], previous, bot, message, kind, lease), 0}
