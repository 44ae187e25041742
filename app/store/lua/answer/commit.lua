-- The one step from decision to outbox: every check and every effect, with nothing between them.
-- Returns {verdict, reason}: the reason of a refusal.
--#include once journal mutes holds fair floor
local earlier = earlier_reply(request)
if earlier then return earlier end

local root, hops = root_of(message, author_kind)
local person = person_of(root, author_kind, author)

-- What was held is settled. Where nothing was, the books are as if it had been.
local function pay(posts)
  local cost = cost_of(posts, tokens, micro_usd)
  if settle(hold, limits, cost) or posts + tokens + micro_usd == 0 then return end
  book(budgets_of(bot, person, charged, limits), root, cost, epoch_day())
  mark_spent(bot, limits, epoch_day())
end

local function refuse(verdict, reason)
  -- The draft was paid for all the same: unbooked, refused drafts would cost money without end.
  pay(0)
  record(journal, bot, 'commit', verdict, reason)
  return reply_once(request, {verdict, reason})
end

if redis.call('GET', lock) ~= owner then return refuse('lost_lock', 'another cycle owns the lane') end
local muted = muted_by(mute_scopes)
if muted then return refuse('muted', muted) end
local holder = floor_of(floor)
if not holder or holder.bot ~= bot or holder.message ~= message or holder.token ~= token or holder.entry then
  return refuse('lost_floor', holder and holder.bot .. ' has it' or 'the lease ran out')
end
if kind == 'direct' then
  if redis.call('HEXISTS', answer, bot) == 1 then return refuse('answered', 'already answered by this bot') end
  if redis.call('EXISTS', keys.deleted(message)) == 1 then return refuse('gone', 'the message was deleted') end
else
  if redis.call('EXISTS', answer, keys.deleted(message)) > 0 then return refuse('answered', 'already answered or declined') end
  if redis.call('HEXISTS', election, 'addressed') == 1 then return refuse('addressed', 'a gateway calls it addressed') end
end
if #redis.call('XRANGE', inbox, entry_id, entry_id) == 0 then return refuse('gone', 'no longer in the inbox') end
if not final then
  local read = read_up_to or message
  local since = redis.call('HMGET', last_human, author, 're:' .. message)
  if author_kind == 'human' and since[1] and newer(since[1], read) then return refuse('stale', 'its author wrote again') end
  if since[2] and newer(since[2], read) then return refuse('stale', 'somebody answered it') end
end
-- Reserve found room: what was paid for is not thrown away.
if redis.call('EXISTS', keys.hold(hold)) == 0 then
  local cost = cost_of(1, tokens, micro_usd)
  local why = answer_spent(root, hops, kind, limits, cost)
  why = why or budgets_spent(budgets_of(bot, person, charged, limits), cost, epoch_day())
  -- A notice that the limit is reached is not `shared`: the limit must not refuse it.
  why = why or shared and share_spent(bot, author, limits, 1)
  if why then return refuse('budget', why) end
end

redis.call('XDEL', inbox, entry_id)
redis.call('HDEL', work, message)
if kind == 'auto' then redis.call('ZREM', keys.elections_due, message) end
redis.call('HSET', answer, bot, 'committed:' .. outbox_id)
redis.call('PEXPIRE', answer, ANSWER_TTL)
local posts = reaction and 0 or 1
pay(posts)
if shared and posts == 1 then count_share(bot, author) end
if kind == 'auto' and cooldown_ms > 0 then redis.call('SET', cooldown, int(now), 'PX', cooldown_ms) end
if posts == 1 then
  redis.call('ZADD', recent_posts, int(now), bot .. ':' .. outbox_id)
  redis.call('ZREMRANGEBYRANK', recent_posts, 0, -21)
  redis.call('PEXPIRE', recent_posts, QUIET_TTL)
end
local verdict = 'committed'
if dry_run then
  verdict = 'dry_run'
  redis.call('HSET', answer, bot, 'delivered:dry_run')
  free_floor(floor, waiting)
else
  redis.call('HSET', entry, 'body', body, 'bot', bot, 'channel', channel, 'message', message, 'root', root,
    'hops', hops + 1, 'committed_at', int(now), 'deliver_by', deliver_within_ms and int(now + deliver_within_ms) or '')
  redis.call('PEXPIRE', entry, OUTBOX_TTL)
  redis.call('RPUSH', outbox, outbox_id)
  redis.call('PEXPIRE', outbox, OUTBOX_TTL)
  redis.call('ZADD', keys.deliveries_due, 'LT', int(now), bot .. ':' .. channel)
  redis.call('HSET', floor, 'entry', outbox_id, 'until', int(now + hold_ms))
  redis.call('PEXPIRE', floor, FLOOR_TTL)
end
record(journal, bot, 'commit', verdict, reason, {entry = outbox_id, tokens = tokens, micro_usd = micro_usd,
  root = root, hops = hops + 1, token = token})
return reply_once(request, {verdict, ''})
