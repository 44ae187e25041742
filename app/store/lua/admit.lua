-- Admit one event for one bot: dedupe, mutes, limits, inbox, then a direct wake or a bid. The gateway's only round trip.
-- KEYS  1 seen  2 inbox  3 bids  4 elections:due  5 answer  6 journal  7 last_human  8 person hour  9 cursor
--       10 direct inbox
-- ARGV  1 request id  2 bot  3 message  4 channel  5 author id  6 author kind  7 author bot ('' unless ours)  8 event JSON
--       9 signal  10 reason  11 bid ('' passes)  12 expected bids  13 window ms  14 reply_to ('' none)  15 wakes (0: keep only)
--       16 limits JSON  17 move cursor (1)  18 inbox cap  19 addressed bots JSON  20 bid parts JSON  21 guild ('-' none)
--       22 score: the bid, also where it is too low to be one ('' none)  23 parent channel of a thread ('-' none)
--       24 hold in ms: nobody answers before (a proxy may yet replace the message)  25 wordless (1: a reaction at most)
--       26 weight: 1, or more for a newcomer whose messages count so many times  27 scopes of a mute
-- Returns {verdict, election due in ms, stream id}
--#include keys
--#include lib
--#include cause
--#include fair
--#include bytes
local request, bot, message, channel, author, author_kind = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local signal, reason, bid, wakes = ARGV[9], ARGV[10], tonumber(ARGV[11]), ARGV[15] == '1'
local limits = cjson.decode(ARGV[16])
local hold, weight = tonumber(ARGV[24]), tonumber(ARGV[26])
local turn, notice = 0, ''
local id, budgeted = '', ARGV[23] ~= '-' and ARGV[23] or channel
-- A burst of reactions, or an edit, is counted apart: every bot has already bid or passed when the message was written.
local kind = string.match(KEYS[1], '%.([re])$')
local counter = kind == 'r' and '#reacted' or kind == 'e' and '#edited' or '#count'

local earlier = redis.call('HMGET', KEYS[1], 'request', 'verdict', 'due_in', 'id')
if earlier[1] and earlier[1] == request then return {earlier[2], tonumber(earlier[3]), earlier[4]} end
local again = false
if kind == 'e' then
  -- An edit may speak to a bot again that an earlier edit had released, and to one that was silent unasked; to one that was
  -- spoken to before it brings nothing.
  local answer = redis.call('HGET', KEYS[5], bot)
  local asked = earlier[2] == 'direct' or redis.call('HGET', string.sub(KEYS[1], 1, -3), 'verdict') == 'direct'
  again = not asked or answer == 'cancelled'
  if again and (answer == 'cancelled' or answer == 'declined') then redis.call('HDEL', KEYS[5], bot) end
end
if not again and (earlier[1] or kind == 'e') then return {'duplicate', 0, earlier[4] or ''} end

local function move_cursor()
  if ARGV[17] == '1' and newer(message, redis.call('HGET', KEYS[9], channel)) then
    redis.call('HSET', KEYS[9], channel, message)
    redis.call('PEXPIRE', KEYS[9], 30 * DAY)
  end
end

local function verdict(word, due_in, why)
  redis.call('HSET', KEYS[1], 'request', request, 'verdict', word, 'due_in', due_in, 'id', id)
  redis.call('PEXPIRE', KEYS[1], HOUR)
  move_cursor()
  -- Ambient messages are counted by the inbox; a line for each (message, bot) would drown the ones that matter.
  if signal ~= 'ambient' or why then
    local numbers = {signal = signal}
    if bid then numbers.bid, numbers.parts = ARGV[11], ARGV[20] elseif ARGV[22] ~= '' then numbers.score = ARGV[22] end
    local bytes = journal(KEYS[6], bot, 'admit', word, why or reason, numbers)
    leave_bytes(budgeted, message, bytes + 80, limits.channel_bytes)
  end
  return {word, due_in, id}
end

local function keep()
  -- Direct messages have an inbox of their own that is never trimmed: a flood of chatter must not cost somebody an answer.
  local key = signal == 'direct' and KEYS[10] or KEYS[2]
  id = redis.call('XADD', key, 'MAXLEN', '~', signal == 'direct' and 1000000 or ARGV[18], '*', 'event', ARGV[8], 'signal', signal, 'reason', reason, 'addressed', ARGV[19],
    'bid', ARGV[11], 'message', message, 'after', hold > 0 and int(now + hold) or '', 'wordless', ARGV[25], 'turn', turn,
    'notice', notice)
  redis.call('PEXPIRE', key, 30 * DAY)
  if signal ~= 'direct' then trim_inbox(key, #ARGV[8] + #ARGV[20]) end
end

-- One more bot has said what it wants. Complete when as many have as any gateway expects.
local function count()
  local said = redis.call('HINCRBY', KEYS[3], counter, 1)
  local expected = math.max(tonumber(redis.call('HGET', KEYS[3], '#expected') or nil) or 0, tonumber(ARGV[12]))
  redis.call('HSET', KEYS[3], '#expected', int(expected))
  redis.call('PEXPIRE', KEYS[3], 2 * HOUR)
  local complete = said >= expected and redis.call('HGET', KEYS[3], '#state') == 'open'
  if complete then
    local held = tonumber(redis.call('HGET', KEYS[3], '#held') or nil) or 0
    redis.call('ZADD', KEYS[4], int(math.max(now, held)), message)
  end
  return complete
end

local function pass()
  redis.call('HSETNX', KEYS[3], bot, 'pass')
  return count()
end

if author_kind == 'human' then
  -- Who wrote last, and who was replied to by another: what makes a draft stale.
  if newer(message, redis.call('HGET', KEYS[7], author)) then redis.call('HSET', KEYS[7], author, message) end
  if newer(message, redis.call('HGET', KEYS[7], '#last')) then redis.call('HSET', KEYS[7], '#last', message) end
  local answered = 're:' .. ARGV[14]
  if ARGV[14] ~= '' and newer(message, redis.call('HGET', KEYS[7], answered)) then redis.call('HSET', KEYS[7], answered, message) end
  if redis.call('HLEN', KEYS[7]) > 2000 then redis.call('DEL', KEYS[7]) end
  redis.call('PEXPIRE', KEYS[7], DAY)
elseif redis.call('EXISTS', keys.cause(message)) == 0 then
  local root, hops = '', 0
  if author_kind == 'ours' then
    -- Deliveries of one bot in one channel are serial, so an unknown post of ours is the one in flight.
    local c = redis.call('HMGET', keys.cause_in_flight(ARGV[7], channel), 'root', 'hops')
    root, hops = c[1] or '', tonumber(c[2]) or 0
  else
    local c = redis.call('HMGET', keys.cause(ARGV[14]), 'root', 'hops')
    root = c[1] or redis.call('HGET', KEYS[7], '#last') or ''
    hops = (tonumber(c[2]) or 0) + 1
    if root ~= '' then
      add(keys.cause_root(root), 'foreign', 1)
      redis.call('PEXPIRE', keys.cause_root(root), 2 * DAY)
    end
  end
  redis.call('HSET', keys.cause(message), 'root', root, 'hops', hops)
  redis.call('PEXPIRE', keys.cause(message), 2 * DAY)
end

local muted = muted_by()
if muted then
  pass()
  return verdict('muted', 0, muted)
end
-- Far beyond what is answered, nothing is written any more: a flood must not fill Redis with its refusals.
local asked = tonumber(redis.call('GET', KEYS[8]) or nil) or 0
if signal == 'direct' and wakes and author_kind == 'human' and asked >= 2 * limits.person_hourly then
  move_cursor()
  return {'over_person_limit', 0, ''}
end
if signal == 'direct' then
  redis.call('HSETNX', KEYS[3], '#addressed', int(now))
  redis.call('PEXPIRE', KEYS[3], 2 * HOUR)
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
  pass()
  return verdict('exhausted', 0, spent)
end
if signal == 'direct' and wakes then
  local over
  if author_kind == 'human' then
    asked = redis.call('INCRBY', KEYS[8], weight)
    if asked == weight then redis.call('PEXPIRE', KEYS[8], HOUR) end
    if asked > limits.person_hourly then
      over, notice = 'message ' .. asked .. ' this hour, limit ' .. limits.person_hourly, 'hour'
    else
      over, notice = share_spent(bot, author, limits, weight), 'day'
    end
  end
  turn = turn_of(channel, message, author, weight)
  local full, waiting = fullness(KEYS[10], limits.waiting)
  local crowded = full >= 1 and (turn > limits.quiet_posts or full >= 1.5)
  -- Told once a day, and by nobody where many wait: a notice is a post too.
  if over and (crowded or not first_told(bot, author)) then
    pass()
    return verdict('over_person_limit', 0, over)
  end
  if crowded then
    pass()
    return verdict('crowded', 0, waiting .. ' messages wait for the bot here')
  end
  if not over then notice = '' end
  keep()
  pass()
  wake(bot .. ':' .. channel, 'direct', now + hold)
  return verdict(over and 'notice' or 'direct', hold, over)
end

if bid and (bid ~= bid or bid == math.huge or bid == -math.huge) then
  pass()
  return verdict('refused', 0, 'bid is not a finite number')
end
if signal == 'direct' then
  -- Too old, or where the bot may not write: in the direct inbox the next direct cycle would answer it all the same.
  signal = 'ambient'
  keep()
  pass()
  return verdict('passed', 0, reason)
end
keep()
if not wakes or not bid or redis.call('EXISTS', KEYS[5]) == 1 then
  local complete = pass()
  return verdict(complete and 'complete' or 'passed', 0)
end
local state = redis.call('HGET', KEYS[3], '#state')
if state and state ~= 'open' then return verdict('late', 0, 'election is ' .. state) end
redis.call('HSET', KEYS[3], bot, ARGV[11])
local window = math.max(tonumber(ARGV[13]), hold)
if not state then
  redis.call('HSET', KEYS[3], '#state', 'open', '#channel', channel, '#opened', int(now), '#author', author_kind,
    '#guild', ARGV[21], '#parent', ARGV[23])
  if hold > 0 then redis.call('HSET', KEYS[3], '#held', int(now + hold)) end
  redis.call('HSET', keys.event(message), 'event', ARGV[8], 'signal', signal, 'reason', reason)
  leave_bytes(budgeted, message, 1.25 * #ARGV[8] + 200, limits.channel_bytes)
  redis.call('PEXPIRE', keys.event(message), 2 * HOUR)
  redis.call('ZADD', KEYS[4], int(now + window), message)
end
if count() then return verdict('complete', 0) end
return verdict(state and 'bid' or 'opened', window)
