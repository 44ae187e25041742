-- The one step from decision to outbox: every check and every effect, with nothing between them.
-- KEYS  1 lock  2 floor  3 answer  4 bids  5 recent_bot_posts  6 last_human  7 cooldown  8 inbox  9 work  10 outbox
--       11 entry  12 deliveries:due  13 journal  14 request  15 waiting
-- ARGV  1 lock owner  2 bot  3 message  4 channel  5 kind (direct|auto)  6 inbox entry  7 floor token  8 author id
--       9 author kind  10 newest message read ('' none)  11 final (1: send even if stale)  12 limits JSON  13 tokens
--       14 micro USD  15 hold of reserve  16 outbox entry id  17 outbox entry JSON  18 cooldown ms  19 hold ms
--       20 dry run (1)  21 reaction (1)  22 deliver within ms ('' no limit)  23 reason
--       24 channel whose budget it is  25 counts (1: in its author's share)  26 scopes of a mute
-- Returns {verdict, reason}
--#include keys
--#include lib
--#include cause
--#include holds
--#include fair
--#include floor
local earlier = redis.call('GET', KEYS[14])
if earlier then return cjson.decode(earlier) end
local bot, message, channel, kind, id = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[16]
local limits = cjson.decode(ARGV[12])
local tokens, micro_usd = tonumber(ARGV[13]), tonumber(ARGV[14])

local root, hops = root_of(message, ARGV[9])
local person = person_of(root, ARGV[9], ARGV[8])

-- What was held is settled. Where nothing was, the books are as if it had been.
local function pay(posts)
  local cost = cost_of(posts, tokens, micro_usd)
  if settle(ARGV[15], limits, cost) or posts + tokens + micro_usd == 0 then return end
  book(days_of(bot, person, ARGV[24], limits), root, cost, today())
  mark_spent(bot, limits, today())
end

local function refuse(verdict, reason)
  -- The draft was paid for all the same: unbooked, refused drafts would cost money without end.
  pay(0)
  journal(KEYS[13], bot, 'commit', verdict, reason)
  redis.call('SET', KEYS[14], cjson.encode({verdict, reason}), 'PX', 600000)
  return {verdict, reason}
end

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return refuse('lost_lock', 'another cycle owns the lane') end
local muted = muted_by()
if muted then return refuse('muted', muted) end
local holder = floor_of(KEYS[2])
if not holder or holder.bot ~= bot or holder.message ~= message or holder.token ~= ARGV[7] or holder.entry then
  return refuse('lost_floor', holder and holder.bot .. ' has it' or 'the lease ran out')
end
if kind == 'direct' then
  if redis.call('HEXISTS', KEYS[3], bot) == 1 then return refuse('answered', 'already answered by this bot') end
  if redis.call('HEXISTS', KEYS[3], '#deleted') == 1 then return refuse('gone', 'the message was deleted') end
else
  if redis.call('EXISTS', KEYS[3]) == 1 then return refuse('answered', 'already answered or declined') end
  if redis.call('HEXISTS', KEYS[4], '#addressed') == 1 then return refuse('addressed', 'a gateway calls it addressed') end
end
if #redis.call('XRANGE', KEYS[8], ARGV[6], ARGV[6]) == 0 then return refuse('gone', 'no longer in the inbox') end
if ARGV[11] ~= '1' then
  local read = ARGV[10] ~= '' and ARGV[10] or message
  local since = redis.call('HMGET', KEYS[6], ARGV[8], 're:' .. message)
  if ARGV[9] == 'human' and since[1] and newer(since[1], read) then return refuse('stale', 'its author wrote again') end
  if since[2] and newer(since[2], read) then return refuse('stale', 'somebody answered it') end
end
-- Reserve found room: what was paid for is not thrown away.
local shared = ARGV[25] == '1'
if redis.call('EXISTS', keys.hold(ARGV[15])) == 0 then
  local cost = cost_of(1, tokens, micro_usd)
  local why = answer_spent(root, hops, kind, limits, cost)
  why = why or days_spent(days_of(bot, person, ARGV[24], limits), cost, today())
  why = why or shared and share_spent(bot, ARGV[8], limits, 1)
  if why then return refuse('budget', why) end
end

redis.call('XDEL', KEYS[8], ARGV[6])
redis.call('HDEL', KEYS[9], message)
if kind == 'auto' then redis.call('ZREM', 'elections:due', message) end
redis.call('HSET', KEYS[3], bot, 'committed:' .. id)
redis.call('PEXPIRE', KEYS[3], 26 * HOUR)
local posts = ARGV[21] == '1' and 0 or 1
pay(posts)
if shared and posts == 1 then count_share(bot, ARGV[8]) end
if kind == 'auto' and tonumber(ARGV[18]) > 0 then redis.call('SET', KEYS[7], int(now), 'PX', ARGV[18]) end
if posts == 1 then
  redis.call('ZADD', KEYS[5], int(now), bot .. ':' .. id)
  redis.call('ZREMRANGEBYRANK', KEYS[5], 0, -21)
  redis.call('PEXPIRE', KEYS[5], DAY)
end
local verdict = 'committed'
if ARGV[20] == '1' then
  verdict = 'dry_run'
  redis.call('HSET', KEYS[3], bot, 'delivered:dry_run')
  free_floor(KEYS[2], KEYS[15])
else
  local deliver_by = tonumber(ARGV[22])
  redis.call('HSET', KEYS[11], 'body', ARGV[17], 'bot', bot, 'channel', channel, 'message', message, 'root', root,
    'hops', hops + 1, 'committed_at', int(now), 'deliver_by', deliver_by and int(now + deliver_by) or '')
  redis.call('PEXPIRE', KEYS[11], 30 * DAY)
  redis.call('RPUSH', KEYS[10], id)
  redis.call('PEXPIRE', KEYS[10], 30 * DAY)
  redis.call('ZADD', KEYS[12], 'LT', int(now), bot .. ':' .. channel)
  redis.call('HSET', KEYS[2], 'entry', id, 'until', int(now + tonumber(ARGV[19])))
  redis.call('PEXPIRE', KEYS[2], HOUR)
end
journal(KEYS[13], bot, 'commit', verdict, ARGV[23], {entry = id, tokens = tokens, micro_usd = micro_usd,
  root = root, hops = hops + 1, token = ARGV[7]})
redis.call('SET', KEYS[14], cjson.encode({verdict, ''}), 'PX', 600000)
return {verdict, ''}
