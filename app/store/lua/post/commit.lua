-- From a post that answers nobody to the outbox: every check and every effect, as answer.commit, without an inbox entry.
-- Returns {verdict, reason}
--#include once journal mutes drafts quiet
local earlier = earlier_reply(request)
if earlier then return earlier end
local holder = floor_of(floor)
local mine = holder and not holder.entry and holder.bot == bot and holder.message == entry_id
  and holder.token == token

local function reply(verdict, reason, numbers)
  record(journal, bot, 'post', verdict, reason, numbers)
  return reply_once(request, {verdict, reason})
end

local budgets = budgets_of(bot, '', charged, limits)

local function pay(posts)
  pay_draft(hold, bot, entry_id, limits, budgets, cost_of(posts, tokens, micro_usd))
end

local function refuse(verdict, reason)
  -- The draft was paid for all the same.
  pay(0)
  -- A cycle that lost its lock may share its token with the one that has it now.
  if mine and verdict ~= 'lost_lock' then
    free_floor(floor)
    call_next(floor, channel)
  end
  return reply(verdict, reason)
end

if redis.call('GET', lock) ~= owner then return refuse('lost_lock', 'another cycle owns the lane') end
local muted = muted_by(mute_scopes)
if muted then return refuse('muted', muted) end
if redis.call('EXISTS', answer) == 1 then return refuse('answered', 'it was posted before') end
if not mine then return refuse('lost_floor', holder and holder.bot .. ' has it' or 'the lease ran out') end
local unfit = unready(recent_posts, last_human, cursor, channel, quiet_ms, opening)
if unfit then return refuse('stale', unfit) end
if root_posts < 1 then return refuse('budget', 'a root of a bot may cause nothing') end
-- Reserve found room: what was paid for is not thrown away.
local held = redis.call('EXISTS', keys.hold(hold)) == 1
local why = not held and budgets_spent(budgets, cost_of(1, tokens, micro_usd), epoch_day())
if why then return refuse('budget', why) end

pay(1)
redis.call('HSET', keys.cause_root(entry_id), 'limit', root_posts)
if cooldown_ms > 0 then redis.call('SET', cooldown, int(now), 'PX', cooldown_ms) end
note_post(recent_posts, bot, entry_id)
redis.call('HSET', answer, bot, 'committed:' .. entry_id)
redis.call('PEXPIRE', answer, ANSWER_TTL)
local verdict = 'committed'
if dry_run then
  verdict = 'dry_run'
  keep_unsaid(entry, {body = body, bot = bot, channel = channel, message = entry_id})
  free_floor(floor)
  call_next(floor, channel)
else
  put_into_outbox(outbox, entry, floor, entry_id, undelivered_ms, {body = body, bot = bot, channel = channel, message = entry_id,
    root = entry_id, hops = 1, deliver_by = int(now + deliver_within_ms)})
end
return reply(verdict, reason, {entry = entry_id, tokens = tokens, micro_usd = micro_usd})
