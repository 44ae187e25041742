-- Decide one election: grant the best bidder that can act. However often this is called, it grants once.
-- Returns {verdict, winner, retry in ms, bids if this call granted it (else 0), next bot, next election}
--#include journal mutes brakes floor
local BUSY_RETRY = 250
-- A bidder this many bits below a better one that can act later does not replace it.
local FAR_BELOW = 3
local known = {}
local flat = redis.call('HGETALL', election)
for i = 1, #flat, 2 do known[flat[i]] = flat[i + 1] end
local state = known.state

local function close(word, reason)
  redis.call('ZREM', keys.elections_due, message)
  redis.call('ZREM', keys.waiting_elections(channel), message)
  if known.winner then redis.call('HDEL', keys.work(known.winner), message) end
  if state then redis.call('HSET', election, 'state', word) end
  if reason then record(journal, 'stream', 'elect', word, reason) end
  local next_bot, next_election = '', ''
  if not floor_of(floor) then next_bot, next_election = call_next(floor, channel) end
  return {word == 'cooled' and 'cooled' or word == 'left' and 'left' or 'closed', '', 0, 0, next_bot, next_election}
end

local function defer(due, reason)
  -- Never in the past: a defer that is due at once would spin the pump.
  due = math.max(due, now + 10)
  redis.call('ZADD', keys.elections_due, int(due), message)
  if redis.call('HSETNX', election, 'deferred', reason) == 1 then
    record(journal, 'stream', 'elect', 'deferred', reason, {['for_ms'] = due - now})
  end
  return {'deferred', '', due - now, 0, '', ''}
end

if not state or known.channel ~= channel then return close('closed') end
if redis.call('EXISTS', answer, keys.deleted(message)) > 0 then return close('answered') end
if known.addressed then return close('addressed', 'addressed to one of us: not for an election') end
if state ~= 'open' and state ~= 'granted' then return close(state) end

if known.paid and known.paid ~= known.winner then return close('paid', known.paid .. ' has paid for it') end
local holder, previous = floor_of(floor)
local due = tonumber(redis.call('ZSCORE', keys.elections_due, message) or nil) or now
local excluded = {}
if state == 'granted' then
  local winner = known.winner
  if holder and holder.bot == winner and holder.message == message then
    redis.call('ZADD', keys.elections_due, int(holder.until_ms + 50), message)
    return {'granted', winner, holder.until_ms - now, 0, '', ''}
  end
  if due > now then return {'granted', winner, due - now, 0, '', ''} end
  if known.paid == winner then
    -- Paid for: nobody else may be paid for it again. The winner's own lane is still due and goes on.
    if now - tonumber(known.opened) > max_age_ms then
      return close('left', 'the winner paid and never came back')
    end
    redis.call('ZADD', keys.elections_due, int(now + lease_ms), message)
    return {'granted', winner, lease_ms, 0, '', ''}
  end
  redis.call('HDEL', keys.work(winner), message)
  if known.again then return close('left', 'two winners failed to act') end
  redis.call('HSET', election, 'again', winner, 'state', 'open')
  redis.call('HDEL', election, 'winner')
  record(journal, 'stream', 'elect', 're_elect', winner .. ' held the floor and did not act')
  excluded[winner] = true
  known.again = winner
end
if due > now then return {'not_due', '', due - now, 0, '', ''} end
if known.again then excluded[known.again] = true end

if now - tonumber(known.opened) > max_age_ms then return close('left', 'too old') end
if scope_muted('all') or scope_muted('channel', channel) or scope_muted('channel', known.parent or '-')
  or scope_muted('guild', known.guild) then
  return close('left', 'muted')
end
local closed_ms = unasked_in()
if closed_ms then return defer(now + closed_ms, 'Redis is new or was emptied') end
if holder then
  -- After every addressed bot that waits. The script that frees the floor pulls the oldest election forward.
  redis.call('ZADD', keys.waiting_elections(channel), 'NX', int(now), message)
  redis.call('PEXPIRE', keys.waiting_elections(channel), WAITING_TTL)
  return defer(holder.until_ms, holder.bot .. ' has the floor')
end
local ranked = {}
local bids = redis.call('HGETALL', keys.bids(message))
for i = 1, #bids, 2 do
  local bot, score = bids[i], tonumber(bids[i + 1])
  if score and not excluded[bot] then
    ranked[#ranked + 1] = {bot = bot, score = score, tie = redis.sha1hex(bot .. message)}
  end
end
table.sort(ranked, function(a, b)
  if a.score == b.score then return a.tie > b.tie end
  return a.score > b.score
end)

-- In how many ms the bot speaks again after the last post here: by its own quiet time, where it has one.
local last = redis.call('ZRANGE', recent_posts, -1, -1, 'WITHSCORES')
local posted, ends = tonumber(last[2] or nil), tonumber(known.opened) + max_age_ms
local function quiet_for(bot)
  local own = tonumber(known['quiet:' .. bot] or nil) or quiet_ms
  return posted and math.max(posted + own - now, 0) or 0
end

local shortest = ranked[1] and math.huge or quiet_for('')
for _, bidder in ipairs(ranked) do shortest = math.min(shortest, quiet_for(bidder.bot)) end
if shortest > 0 and now + shortest <= ends then
  return defer(now + shortest, 'quiet time after ' .. string.match(last[1], '^[^:]*'))
end

-- Who could act soonest, should nobody be able to act now: of the cooled the one whose cooldown ends first. A busy one comes
-- later than any of them, as its own cooldown begins only when its cycle ends.
local soonest, soonest_bot, busy, yielded = math.huge, nil, false, {}
-- Of those in a quiet time of their own, when the first is over it.
local soonest_quiet = math.huge
local awaited
for _, bidder in ipairs(ranked) do
  local bot = bidder.bot
  local why, later
  local quiet, wait = quiet_for(bot), cooled(bot)
  local here = bot .. '@channel:'
  if awaited and bidder.score < awaited - FAR_BELOW then
    why = 'far below'
  elseif scope_muted('bot', bot) or scope_muted('bot', here .. channel)
    or scope_muted('bot', here .. (known.parent or '-')) then
    why = 'muted'
  elseif field_of(keys.budget(bot, epoch_day()), 'spent') == '1' then
    why = 'over budget'
  elseif now + quiet > ends then
    why = 'quiet for too long'
  elseif wait then
    why, later = 'cooled', true
    wait = math.max(wait, quiet)
    if wait < soonest then soonest, soonest_bot = wait, bot end
  elseif quiet > 0 then
    why, later = 'quiet', true
    soonest_quiet = math.min(soonest_quiet, quiet)
  elseif redis.call('EXISTS', keys.lock(bot)) == 1 or redis.call('HLEN', keys.work(bot)) > 0 then
    why, later, busy = 'busy', true, true
  end
  if not why then
    local token = take_floor(floor, previous, bot, message, 'auto', lease_ms)
    redis.call('HSET', election, 'state', 'granted', 'winner', bot)
    redis.call('HSET', keys.work(bot), message, token)
    redis.call('PEXPIRE', keys.work(bot), WORK_TTL)
    redis.call('ZADD', keys.elections_due, int(now + lease_ms + 50), message)
    wake_lane(bot, 'immediate_trigger', now)
    record(journal, bot, 'elect', 'granted', 'best bid of ' .. #ranked, {
      bid = bidder.score, bids = #ranked, yielded = table.concat(yielded, ', '),
      window_ms = now - tonumber(known.opened), token = token})
    redis.call('ZREM', keys.waiting_elections(channel), message)
    return {'granted', bot, lease_ms, #ranked, '', ''}
  end
  if not awaited and later then awaited = bidder.score end
  yielded[#yielded + 1] = bot .. ' (' .. why .. ')'
end

local reason = #ranked == 0 and 'no bids' or table.concat(yielded, ', ')
if soonest_quiet < soonest then
  return defer(now + math.min(soonest_quiet, busy and BUSY_RETRY or math.huge), reason)
end
if soonest_bot then
  -- Trailing edge: the bot reads all that came meanwhile in one cycle.
  wake_lane(soonest_bot, 'immediate_trigger', now + soonest, true)
  return close('cooled', reason)
end
-- All are merely busy, and a cycle ends soon.
if busy then return defer(now + BUSY_RETRY, reason) end
return close('left', reason)
