-- From a post that answers nobody to the outbox: every check and every effect, as commit.lua, without an inbox entry.
-- KEYS  1 lock  2 floor  3 recent_bot_posts  4 last_human  5 cursor  6 cooldown  7 answer  8 outbox  9 entry
--       10 deliveries:due  11 journal  12 request  13 floor waiting
-- ARGV  1 lock owner  2 bot  3 channel  4 entry id, which is the root too  5 floor token  6 quiet ms  7 opening (1)
--       8 limits JSON  9 posts that the root may cause  10 tokens  11 hold of reserve  12 micro USD
--       13 outbox entry JSON  14 cooldown ms  15 hold ms  16 deliver within ms  17 dry run (1)  18 reason
--       19 channel whose budget it is  20 scopes of a mute
-- Returns {verdict, reason}
--#include keys
--#include lib
--#include cause
--#include holds
--#include floor
--#include opening
local earlier = redis.call('GET', KEYS[12])
if earlier then return cjson.decode(earlier) end
local bot, channel, id, limits = ARGV[2], ARGV[3], ARGV[4], cjson.decode(ARGV[8])
local tokens, micro_usd = tonumber(ARGV[10]), tonumber(ARGV[12])
local holder = floor_of(KEYS[2])
local mine = holder and not holder.entry and holder.bot == bot and holder.message == id and holder.token == ARGV[5]

local function answer(verdict, reason, numbers)
  journal(KEYS[11], bot, 'post', verdict, reason, numbers)
  redis.call('SET', KEYS[12], cjson.encode({verdict, reason}), 'PX', 600000)
  return {verdict, reason}
end

local days = days_of(bot, '', ARGV[19], limits)

local function pay(posts)
  local cost = cost_of(posts, tokens, micro_usd)
  if settle(ARGV[11], limits, cost) or posts + tokens + micro_usd == 0 then return end
  book(days, id, cost, today())
  mark_spent(bot, limits, today())
end

local function refuse(verdict, reason)
  -- The draft was paid for all the same.
  pay(0)
  -- A cycle that lost its lock may share its token with the one that has it now.
  if mine and verdict ~= 'lost_lock' then free_floor(KEYS[2], KEYS[13]) end
  return answer(verdict, reason)
end

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return refuse('lost_lock', 'another cycle owns the lane') end
local muted = muted_by()
if muted then return refuse('muted', muted) end
if redis.call('EXISTS', KEYS[7]) == 1 then return refuse('answered', 'it was posted before') end
if not mine then return refuse('lost_floor', holder and holder.bot .. ' has it' or 'the lease ran out') end
local unfit = unready(KEYS[3], KEYS[4], KEYS[5], channel, tonumber(ARGV[6]), ARGV[7] == '1')
if unfit then return refuse('stale', unfit) end
local most = tonumber(ARGV[9])
if most < 1 then return refuse('budget', 'a root of a bot may cause nothing') end
-- Reserve found room: what was paid for is not thrown away.
local held = redis.call('EXISTS', keys.hold(ARGV[11])) == 1
local why = not held and days_spent(days, cost_of(1, tokens, micro_usd), today())
if why then return refuse('budget', why) end

pay(1)
redis.call('HSET', keys.cause_root(id), 'limit', most)
if tonumber(ARGV[14]) > 0 then redis.call('SET', KEYS[6], int(now), 'PX', ARGV[14]) end
redis.call('ZADD', KEYS[3], int(now), bot .. ':' .. id)
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -21)
redis.call('PEXPIRE', KEYS[3], DAY)
redis.call('HSET', KEYS[7], bot, 'committed:' .. id)
redis.call('PEXPIRE', KEYS[7], 7 * DAY)
local verdict = 'committed'
if ARGV[17] == '1' then
  verdict = 'dry_run'
  free_floor(KEYS[2], KEYS[13])
else
  redis.call('HSET', KEYS[9], 'body', ARGV[13], 'bot', bot, 'channel', channel, 'message', id, 'root', id, 'hops', 1,
    'committed_at', int(now), 'deliver_by', int(now + tonumber(ARGV[16])))
  redis.call('PEXPIRE', KEYS[9], 30 * DAY)
  redis.call('RPUSH', KEYS[8], id)
  redis.call('PEXPIRE', KEYS[8], 30 * DAY)
  redis.call('ZADD', KEYS[10], 'LT', int(now), bot .. ':' .. channel)
  redis.call('HSET', KEYS[2], 'entry', id, 'until', int(now + tonumber(ARGV[15])))
  redis.call('PEXPIRE', KEYS[2], HOUR)
end
return answer(verdict, ARGV[18], {entry = id, tokens = tokens, micro_usd = micro_usd})
