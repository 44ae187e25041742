-- The one step from decision to outbox: every check and every effect, with nothing between them.
-- Returns {verdict, reason}: the reason of a refusal.
--#include once journal mutes drafts fair fields
local earlier = earlier_reply(request)
if earlier then return earlier end

local root, hops = root_of(message, author_kind)
local person = person_of(root, author_kind, author)

local budgets = budgets_of(bot, person, charged, limits)

local function pay(posts)
  pay_draft(hold, bot, root, limits, budgets, cost_of(posts, tokens, micro_usd))
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
-- Entries of the lane that are looked at for further lines of the thought.
local LATER_LINES = 20
local waiting = redis.call('XRANGE', inbox, entry_id, '+', 'COUNT', LATER_LINES + 1)
if not waiting[1] or waiting[1][1] ~= entry_id then return refuse('gone', 'no longer in the inbox') end

-- Whether a later line of the same thought waits. It would be answered again, though the draft may have seen it in the channel.
local function goes_on()
  local thought = field_in(waiting[1][2], 'thought')
  for i = 2, #waiting do
    local fields = waiting[i][2]
    if thought and field_in(fields, 'thought') == thought and newer(field_in(fields, 'message'), message) then return true end
  end
  return false
end

-- A thought is bounded in lines and time, so this comes to an end: it holds for the last try, too.
if kind == 'direct' and goes_on() then return refuse('goes_on', 'in a later line') end
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
  why = why or budgets_spent(budgets, cost, epoch_day())
  -- A notice that the limit is reached is not `shared`: the limit must not refuse it.
  why = why or shared and share_spent(bot, author, limits, 1)
  if why then return refuse('budget', why) end
end

redis.call('XDEL', inbox, entry_id)
redis.call('HDEL', work, message)
if kind == 'auto' then redis.call('ZREM', keys.elections_due, message) end
redis.call('HSET', answer, bot, 'committed:' .. outbox_id)
redis.call('PEXPIRE', answer, ANSWER_TTL)
-- One answer for the whole thought: nobody answers its other lines, and each of them can tell which was answered.
for i = 1, #joined, 2 do
  local waits_as, line = joined[i], joined[i + 1]
  if waits_as ~= '' then redis.call('XDEL', inbox, waits_as) end
  if kind == 'direct' then stop_waiting(inbox, channel, bot, line) end
  if redis.call('HSETNX', keys.answer(line), bot, 'joined:' .. message) == 1 then
    redis.call('PEXPIRE', keys.answer(line), ANSWER_TTL)
    record(keys.journal(line), bot, 'commit', 'joined', 'answered with ' .. message)
    -- Who is named behind this bot there would wait for an answer that never comes: of `message` its delivery lets in.
    pass_on(floor, channel, line)
  end
end
local posts = reaction and 0 or 1
pay(posts)
if shared and posts == 1 then count_share(bot, author) end
if kind == 'auto' and cooldown_ms > 0 then redis.call('SET', cooldown, int(now), 'PX', cooldown_ms) end
if posts == 1 then note_post(recent_posts, bot, outbox_id) end
local verdict = 'committed'
if dry_run then
  verdict = 'dry_run'
  redis.call('HSET', answer, bot, 'delivered:dry_run')
  keep_unsaid(entry, {body = body, bot = bot, channel = channel, message = message})
  free_floor(floor)
  if kind == 'direct' then let_go(channel, bot) end
  pass_on(floor, channel, message)
else
  put_into_outbox(outbox, entry, floor, outbox_id, undelivered_ms, {body = body, bot = bot, channel = channel, message = message,
    root = root, hops = hops + 1, deliver_by = deliver_within_ms and int(now + deliver_within_ms) or ''})
end
record(journal, bot, 'commit', verdict, reason, {entry = outbox_id, tokens = tokens, micro_usd = micro_usd,
  root = root, hops = hops + 1, token = token})
return reply_once(request, {verdict, ''})
