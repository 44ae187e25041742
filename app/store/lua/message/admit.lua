-- Admit one event for one bot: dedupe, mutes, limits, inbox, then a direct wake or a bid. The gateway's only round trip.
-- Returns {verdict, election due in ms, stream id}
--#include journal mutes lanes fair bytes
local turn, notice, id = 0, '', ''
local budgeted = parent or channel
-- A burst of reactions, or an edit, is counted apart: every bot has already bid or passed when the message was written.
local counter = kind == 'reaction' and 'reacted' or kind == 'edit' and 'edited' or 'counted'

local earlier = redis.call('HMGET', seen, 'request', 'verdict', 'due_in', 'id')
if earlier[1] and earlier[1] == request then return {earlier[2], tonumber(earlier[3]), earlier[4]} end
local again = false
if kind == 'edit' then
  -- An edit may speak to a bot again that an earlier edit had released, and to one that was silent unasked; to one that was
  -- spoken to before it brings nothing.
  local answered = redis.call('HGET', answer, bot)
  local asked = earlier[2] == 'direct' or redis.call('HGET', seen_message, 'verdict') == 'direct'
  again = not asked or answered == 'cancelled'
  if again and (answered == 'cancelled' or answered == 'declined') then redis.call('HDEL', answer, bot) end
end
if not again and (earlier[1] or kind == 'edit') then return {'duplicate', 0, earlier[4] or ''} end

local function move_cursor()
  if moves_cursor and newer(message, redis.call('HGET', cursor, channel)) then
    redis.call('HSET', cursor, channel, message)
    redis.call('PEXPIRE', cursor, CURSOR_TTL)
  end
end

local function verdict(word, due_in, why)
  redis.call('HSET', seen, 'request', request, 'verdict', word, 'due_in', due_in, 'id', id)
  redis.call('PEXPIRE', seen, SEEN_TTL)
  move_cursor()
  -- Ambient messages are counted by the inbox; a line for each (message, bot) would drown the ones that matter.
  if signal ~= 'ambient' or why then
    local numbers = {signal = signal}
    if bid then numbers.bid, numbers.parts = bid, parts else numbers.score = score end
    local bytes = record(journal, bot, 'admit', word, why or reason, numbers)
    leave_bytes(budgeted, message, bytes + 80, limits.channel_bytes)
  end
  return {word, due_in, id}
end

local function keep()
  -- Direct messages have an inbox of their own that is never trimmed: a flood of chatter must not cost somebody an answer.
  local key = signal == 'direct' and direct_inbox or inbox
  local most = signal == 'direct' and 1000000 or inbox_cap
  id = redis.call('XADD', key, 'MAXLEN', '~', most, '*', 'message', message, 'event', event, 'signal', signal,
    'reason', reason, 'addressed', addressed, 'bid', bid or '', 'after', hold_ms > 0 and int(now + hold_ms) or '',
    'wordless', wordless and 1 or 0, 'turn', turn, 'notice', notice)
  redis.call('PEXPIRE', key, INBOX_TTL)
  if signal ~= 'direct' then trim_inbox(key, #event + #parts) end
end

-- One more bot has said what it wants. Complete when as many have as any gateway expects.
local function count()
  local counted = redis.call('HINCRBY', election, counter, 1)
  local most = math.max(tonumber(redis.call('HGET', election, 'expected') or nil) or 0, expected)
  redis.call('HSET', election, 'expected', int(most))
  redis.call('PEXPIRE', election, ELECTION_TTL)
  local complete = counted >= most and redis.call('HGET', election, 'state') == 'open'
  if complete then
    local held = tonumber(redis.call('HGET', election, 'held') or nil) or 0
    redis.call('ZADD', keys.elections_due, int(math.max(now, held)), message)
  end
  return complete
end

if author_kind == 'human' then
  -- Who wrote last, and who was replied to by another: what makes a draft stale.
  if newer(message, redis.call('HGET', last_human, author)) then redis.call('HSET', last_human, author, message) end
  if newer(message, redis.call('HGET', last_human, '#last')) then redis.call('HSET', last_human, '#last', message) end
  local answered = 're:' .. (reply_to or '')
  if reply_to and newer(message, redis.call('HGET', last_human, answered)) then
    redis.call('HSET', last_human, answered, message)
  end
  -- Bounded: a flood of authors must not fill Redis.
  if redis.call('HLEN', last_human) > 2000 then redis.call('DEL', last_human) end
  redis.call('PEXPIRE', last_human, QUIET_TTL)
elseif redis.call('EXISTS', keys.cause(message)) == 0 then
  local root, hops = '', 0
  if author_kind == 'ours' then
    -- Deliveries of one bot in one channel are serial, so an unknown post of ours is the one in flight.
    local c = redis.call('HMGET', keys.cause_in_flight(author_bot, channel), 'root', 'hops')
    root, hops = c[1] or '', tonumber(c[2]) or 0
  else
    local c = redis.call('HMGET', keys.cause(reply_to or ''), 'root', 'hops')
    root = c[1] or redis.call('HGET', last_human, '#last') or ''
    hops = (tonumber(c[2]) or 0) + 1
    if root ~= '' then
      add_count(keys.cause_root(root), 'foreign', 1)
      redis.call('PEXPIRE', keys.cause_root(root), CAUSE_TTL)
    end
  end
  redis.call('HSET', keys.cause(message), 'root', root, 'hops', hops)
  redis.call('PEXPIRE', keys.cause(message), CAUSE_TTL)
end

local muted = muted_by(mute_scopes)
if muted then
  count()
  return verdict('muted', 0, muted)
end
-- Far beyond what is answered, nothing is written any more: a flood must not fill Redis with its refusals.
local asked = tonumber(redis.call('GET', person_hour) or nil) or 0
if signal == 'direct' and wakes and author_kind == 'human' and asked >= 2 * limits.person_hourly then
  move_cursor()
  return {'over_person_limit', 0, ''}
end
if signal == 'direct' then
  redis.call('HSETNX', election, 'addressed', int(now))
  redis.call('PEXPIRE', election, ELECTION_TTL)
end
local spent
if signal ~= 'ambient' and wakes then
  if author_kind ~= 'human' then
    local root, hops = root_of(message, author_kind)
    spent = root_spent(root, hops, limits, cost_of(1, 1, 0))
  end
  spent = spent or day_spent(bot, limits, cost_of(1, 0, 0))
end
if spent then
  signal = 'ambient'
  keep()
  count()
  return verdict('exhausted', 0, spent)
end
if signal == 'direct' and wakes then
  local over
  if author_kind == 'human' then
    asked = redis.call('INCRBY', person_hour, weight)
    if asked == weight then redis.call('PEXPIRE', person_hour, PERSON_HOUR_TTL) end
    if asked > limits.person_hourly then
      over, notice = 'message ' .. asked .. ' this hour, limit ' .. limits.person_hourly, 'hour'
    else
      over, notice = share_spent(bot, author, limits, weight), 'day'
    end
  end
  turn = turn_of(channel, message, author, weight)
  local full, waiting = fullness(direct_inbox, limits.waiting)
  local crowded = full >= 1 and (turn > limits.quiet_posts or full >= 1.5)
  -- Told once a day, and by nobody where many wait: a notice is a post too.
  if over and (crowded or not first_told(bot, author)) then
    count()
    return verdict('over_person_limit', 0, over)
  end
  if crowded then
    count()
    return verdict('crowded', 0, waiting .. ' messages wait for the bot here')
  end
  if not over then notice = '' end
  keep()
  count()
  wake_lane(bot .. ':' .. channel, 'direct', now + hold_ms)
  return verdict(over and 'notice' or 'direct', hold_ms, over)
end

if bid and (bid ~= bid or bid == math.huge or bid == -math.huge) then
  bid, score = nil, nil
  count()
  return verdict('refused', 0, 'bid is not a finite number')
end
if signal == 'direct' then
  -- Too old, or where the bot may not write: in the direct inbox the next direct cycle would answer it all the same.
  signal = 'ambient'
  keep()
  count()
  return verdict('passed', 0, reason)
end
keep()
if not wakes or not bid or redis.call('EXISTS', answer, keys.deleted(message)) > 0 then
  local complete = count()
  return verdict(complete and 'complete' or 'passed', 0)
end
local state = redis.call('HGET', election, 'state')
if state and state ~= 'open' then return verdict('late', 0, 'election is ' .. state) end
redis.call('HSET', bids, bot, bid)
redis.call('PEXPIRE', bids, ELECTION_TTL)
-- While a proxy may yet replace the message nobody is elected for it.
local window = math.max(window_ms, hold_ms)
if not state then
  redis.call('HSET', election, 'state', 'open', 'channel', channel, 'opened', int(now), 'author', author_kind,
    'guild', guild, 'parent', parent or '-')
  if hold_ms > 0 then redis.call('HSET', election, 'held', int(now + hold_ms)) end
  redis.call('HSET', keys.event(message), 'event', event, 'signal', signal, 'reason', reason)
  leave_bytes(budgeted, message, 1.25 * #event + 200, limits.channel_bytes)
  redis.call('PEXPIRE', keys.event(message), ELECTION_TTL)
  redis.call('ZADD', keys.elections_due, int(now + window), message)
end
if count() then return verdict('complete', 0) end
return verdict(state and 'bid' or 'opened', window)
