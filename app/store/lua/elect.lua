-- Close one election: grant the best bidder that can act, once, whoever asks and however often.
-- KEYS  1 bids  2 elections:due  3 answer  4 floor  5 recent_bot_posts  6 journal  7 floor waiting
-- ARGV  1 message  2 channel  3 quiet ms  4 floor lease ms  5 max age ms
-- Returns {verdict, winner, retry in ms, fresh (1: this call granted it), who may speak next}
--#include keys
--#include lib
--#include floor
local BUSY_RETRY = 250
-- Bits below a better bidder that can act later: who knows that much less does not stand in for it.
local FAR_BELOW = 3
local message, lease = ARGV[1], tonumber(ARGV[4])
local bids = {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do bids[flat[i]] = flat[i + 1] end
local state, channel = bids['#state'], bids['#channel']

local function close(word, reason)
  redis.call('ZREM', KEYS[2], message)
  redis.call('ZREM', KEYS[7], '#' .. message)
  if bids['#winner'] then redis.call('HDEL', keys.work(bids['#winner']), message) end
  if state then redis.call('HSET', KEYS[1], '#state', word) end
  if reason then journal(KEYS[6], 'stream', 'elect', word, reason) end
  local holder = floor_of(KEYS[4])
  return {word == 'cooled' and 'cooled' or word == 'left' and 'left' or 'closed', '', 0, 0,
    holder and '' or wake_waiting(KEYS[7])}
end

local function defer(due, reason)
  -- Never in the past: a defer that is due at once would spin the pump.
  due = math.max(due, now + 10)
  redis.call('ZADD', KEYS[2], int(due), message)
  if redis.call('HSETNX', KEYS[1], '#deferred', reason) == 1 then
    journal(KEYS[6], 'stream', 'elect', 'deferred', reason, {['for_ms'] = due - now})
  end
  return {'deferred', '', due - now, 0, ''}
end

if not state or channel ~= ARGV[2] then return close('closed') end
if redis.call('EXISTS', KEYS[3]) == 1 then return close('answered') end
if bids['#addressed'] then return close('addressed', 'addressed to one of us: not for an election') end
if state ~= 'open' and state ~= 'granted' then return close(state) end

if bids['#paid'] and bids['#paid'] ~= bids['#winner'] then return close('paid', bids['#paid'] .. ' has paid for it') end
local holder, previous = floor_of(KEYS[4])
local due = tonumber(redis.call('ZSCORE', KEYS[2], message) or nil) or now
local excluded = {}
if state == 'granted' then
  local winner = bids['#winner']
  if holder and holder.bot == winner and holder.message == message then
    redis.call('ZADD', KEYS[2], int(holder.until_ms + 50), message)
    return {'granted', winner, holder.until_ms - now, 0, ''}
  end
  if due > now then return {'granted', winner, due - now, 0, ''} end
  if bids['#paid'] == winner then
    -- Paid for: nobody else may be paid for it again. The winner's own lane is still due and goes on.
    if now - tonumber(bids['#opened']) > tonumber(ARGV[5]) then return close('left', 'the winner paid and never came back') end
    redis.call('ZADD', KEYS[2], int(now + lease), message)
    return {'granted', winner, lease, 0, ''}
  end
  redis.call('HDEL', keys.work(winner), message)
  if bids['#again'] then return close('left', 'two winners failed to act') end
  redis.call('HSET', KEYS[1], '#again', winner, '#state', 'open')
  redis.call('HDEL', KEYS[1], '#winner')
  journal(KEYS[6], 'stream', 'elect', 're_elect', winner .. ' held the floor and did not act')
  excluded[winner] = true
  bids['#again'] = winner
end
if due > now then return {'not_due', '', due - now, 0, ''} end
if bids['#again'] then excluded[bids['#again']] = true end

if now - tonumber(bids['#opened']) > tonumber(ARGV[5]) then return close('left', 'too old') end
if scope_muted('all') or scope_muted('channel', channel) or scope_muted('channel', bids['#parent'] or '-')
  or scope_muted('guild', bids['#guild']) then
  return close('left', 'muted')
end
if holder then
  -- After every addressed bot that waits; whoever frees the floor pulls the oldest election forward.
  redis.call('ZADD', KEYS[7], 'NX', int(1e13 + now), '#' .. message)
  redis.call('PEXPIRE', KEYS[7], DAY)
  return defer(holder.until_ms, holder.bot .. ' has the floor')
end
local last = redis.call('ZRANGE', KEYS[5], -1, -1, 'WITHSCORES')
if last[2] and tonumber(last[2]) + tonumber(ARGV[3]) > now then
  return defer(tonumber(last[2]) + tonumber(ARGV[3]), 'quiet time after ' .. string.match(last[1], '^[^:]*'))
end

local ranked = {}
for bot, bid in pairs(bids) do
  local score = tonumber(bid)
  if string.sub(bot, 1, 1) ~= '#' and score and not excluded[bot] then
    ranked[#ranked + 1] = {bot = bot, score = score, tie = redis.sha1hex(bot .. message)}
  end
end
table.sort(ranked, function(a, b)
  if a.score ~= b.score then return a.score > b.score end
  return a.tie > b.tie
end)

-- Who could act soonest, should nobody be able to act now: of the cooled the one whose cooldown ends first. A busy one comes
-- later than any of them, as its own cooldown begins only when its cycle ends.
local soonest, soonest_bot, busy, yielded = math.huge, nil, false, {}
local awaited
for _, bidder in ipairs(ranked) do
  local bot = bidder.bot
  local why
  local wait = cooled(bot)
  local here = bot .. '@channel:'
  if awaited and bidder.score < awaited - FAR_BELOW then
    why = 'far below'
  elseif scope_muted('bot', bot) or scope_muted('bot', here .. channel) or scope_muted('bot', here .. (bids['#parent'] or '-')) then
    why = 'muted'
  elseif field_of(keys.budget(bot, today()), 'spent') == '1' then
    why = 'over budget'
  elseif wait > 0 then
    why = 'cooled'
    if wait < soonest then soonest, soonest_bot = wait, bot end
  elseif redis.call('EXISTS', keys.lock(bot)) == 1 or redis.call('HLEN', keys.work(bot)) > 0 then
    why, busy = 'busy', true
  end
  if not awaited and (why == 'cooled' or why == 'busy') then awaited = bidder.score end
  if not why then
    local token = take_floor(KEYS[4], previous, bot, message, 'auto', lease)
    redis.call('HSET', KEYS[1], '#state', 'granted', '#winner', bot)
    redis.call('HSET', keys.work(bot), message, token)
    redis.call('PEXPIRE', keys.work(bot), 30 * DAY)
    redis.call('ZADD', KEYS[2], int(now + lease + 50), message)
    wake(bot, 'immediate_trigger', now)
    journal(KEYS[6], bot, 'elect', 'granted', 'best bid of ' .. #ranked, {
      bid = bidder.score, bids = #ranked, yielded = table.concat(yielded, ', '), window_ms = now - tonumber(bids['#opened']),
      token = token})
    redis.call('ZREM', KEYS[7], '#' .. message)
    return {'granted', bot, lease, 1, ''}
  end
  yielded[#yielded + 1] = bot .. ' (' .. why .. ')'
end

local reason = #ranked == 0 and 'no bids' or table.concat(yielded, ', ')
if soonest_bot then
  -- Trailing edge: the bot reads all that came meanwhile in one cycle.
  wake(soonest_bot, 'immediate_trigger', now + soonest, true)
  return close('cooled', reason)
end
-- All are merely busy, and a cycle ends soon.
if busy then return defer(now + BUSY_RETRY, reason) end
return close('left', reason)
