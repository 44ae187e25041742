-- Admit one event for several bots of one process, as if for one after another in this order: dedupe, mutes, limits, inbox,
-- then a direct wake or a bid. What they share is read and written once: the only round trip of a gateway for a message.
-- Returns for each bot {verdict, election due in ms, stream id}, as one text: a client reads three hundred parts one by one
--#include journal mutes lanes fair bytes outcomes
local budgeted = parent or channel
-- A burst of reactions, or an edit, is counted apart: every bot has already bid or passed when the message was written.
local counter = kind == 'reaction' and 'reacted' or kind == 'edit' and 'edited' or 'counted'
local bots = {}
for place, one in ipairs(members) do
  one.inbox, one.cursor = own[2 * place - 1], own[2 * place]
  one.limits, one.bid, one.score = limits[one.limits or 1], tonumber(one.bid), tonumber(one.score)
  one.parts, one.wait_ms = one.parts or '', one.wait_ms or 0
  one.notice, one.id = '', ''
  one.delay_ms = math.max(delay_ms, one.wait_ms)
  bots[place] = one.bot
end
local outcomes_before = redis.call('HMGET', seen, unpack(bots))
for place, one in ipairs(members) do one.before = outcomes_before[place] end

-- Nothing is booked in here: what a budget has is read once for all bots.
local read_counts, known_counts = counts_of, {}
counts_of = function(key, ...)
  known_counts[key] = known_counts[key] or read_counts(key, ...)
  return known_counts[key]
end

-- The election as it was before this call. Nobody else writes it meanwhile: what changes is written back once, at the end.
local fields = redis.call('HMGET', election, 'state', 'expected', 'held', counter, 'addressed', 'turn')
local state, most, held = fields[1], math.max(tonumber(fields[2]) or expected, expected), tonumber(fields[3]) or now
local counted, addressed_at, turn, due = tonumber(fields[4]) or 0, fields[5], tonumber(fields[6] or nil), nil
local counted_before = counted
local changes, outcomes, offers, lines, left = {}, {}, {}, {}, 0
local function change(field, value) changes[#changes + 1], changes[#changes + 2] = field, value end

local function move_cursor(one)
  if one.moves_cursor and newer(message, redis.call('HGET', one.cursor, channel)) then
    redis.call('HSET', one.cursor, channel, message)
    redis.call('PEXPIRE', one.cursor, CURSOR_TTL)
  end
end

local function verdict(one, word, due_in, why)
  outcomes[#outcomes + 1], outcomes[#outcomes + 2] = one.bot, outcome_text(word, due_in, one.id, request)
  move_cursor(one)
  -- Ambient messages are counted by the inbox; a line for each (message, bot) would drown the ones that matter.
  if one.signal ~= 'ambient' or why then
    local numbers = {signal = one.signal}
    if one.bid then numbers.bid, numbers.parts = one.bid, one.parts else numbers.score = one.score end
    if one.wait_ms > 0 then numbers.waits_ms = one.wait_ms end
    if one.joins then numbers.lines = #said_before + 1 end
    local line = line_about(one.bot, 'admit', word, why or one.reason, numbers)
    lines[#lines + 1], left = line, left + #line + 80
  end
  return {word, due_in, one.id}
end

local is_first_of_hour = true

local function enqueue(one)
  -- Direct messages have an inbox of their own that is never trimmed: a flood of chatter must not cost somebody an answer.
  local direct = one.signal == 'direct'
  local text, inbox = one.event or heard, direct and keys.direct_inbox(one.bot, channel) or one.inbox
  local entry = {'message', message, 'event', text, 'signal', one.signal, 'reason', one.reason, 'addressed', addressed,
    'bid', one.bid or '', 'thought', one.joins and said_before[1] or message}
  local function add(field, value) entry[#entry + 1], entry[#entry + 2] = field, value end
  -- What says nothing is left out where each bot of a channel has an entry.
  if direct or one.delay_ms > 0 then add('after', one.delay_ms > 0 and int(now + one.delay_ms) or '') end
  if one.wordless then add('wordless', 1) end
  if direct then
    add('turn', one.turn)
    add('notice', one.notice)
  end
  local most = direct and 1000000 or inbox_cap
  one.id = redis.call('XADD', inbox, 'NOMKSTREAM', 'MAXLEN', '~', most, '*', unpack(entry))
  local new = not one.id
  if new then one.id = redis.call('XADD', inbox, '*', unpack(entry)) end
  -- An inbox outlives its last message by days: there is no need to say so with each message of an hour.
  if new or direct or is_first_of_hour then redis.call('PEXPIRE', inbox, INBOX_TTL) end
  if not direct then trim_inbox(inbox, #text + #one.parts) end
end

-- One more bot has said what it wants. Complete when as many have as any gateway expects.
local function count()
  counted = counted + 1
  local complete = counted >= most and state == 'open'
  if complete then due = math.max(now, held) end
  return complete
end

-- A thought is elected for once, with all its lines: what was open for the earlier ones is not decided any more.
local joined = false
local function join_elections(one)
  if not one.joins or joined then return end
  joined = true
  for _, line in ipairs(said_before) do
    local e = keys.election(line)
    local h = redis.call('HMGET', e, 'state', 'addressed')
    if not h[2] and (not h[1] or h[1] == 'open') then
      redis.call('HSET', e, 'state', 'joined')
      redis.call('PEXPIRE', e, ELECTION_TTL)
      redis.call('ZREM', keys.elections_due, line)
      if h[1] then record(keys.journal(line), 'stream', 'elect', 'joined', 'it goes on in ' .. message) end
    end
  end
end

-- Whether the lines before this one are answered, so that it comes too late for an answer of its own.
local function trails_behind(one)
  if not one.trails or #said_before == 0 then return false end
  local before = keys.answer(said_before[#said_before])
  if one.signal ~= 'direct' then return redis.call('HLEN', before) > 0 end
  local done = redis.call('HGET', before, one.bot)
  return done and done ~= 'cancelled'
end

-- The hour since Discord began in which a message was written; nil for none.
local function hour_of(id)
  return id and math.floor(tonumber(id) / 4194304 / HOUR)
end

-- What the channel learns from the message, from the first copy that arrives.
local function learn()
  if author_kind == 'human' then
    -- Who wrote last, and who was replied to by another: what makes a draft stale.
    local names = {'#last', author, reply_to and 're:' .. reply_to}
    local known, news, grows = redis.call('HMGET', last_human, unpack(names)), {}, false
    is_first_of_hour = hour_of(known[1]) ~= hour_of(message)
    for place, name in ipairs(names) do
      if newer(message, known[place]) then news[#news + 1], news[#news + 2] = name, message end
      grows = grows or not known[place]
    end
    -- Bounded: a flood of authors must not fill Redis.
    if grows and redis.call('HLEN', last_human) > 2000 then redis.call('DEL', last_human) end
    if next(news) then redis.call('HSET', last_human, unpack(news)) end
    redis.call('PEXPIRE', last_human, QUIET_TTL)
  elseif redis.call('EXISTS', keys.cause(message)) == 0 then
    local root, hops
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
end

-- Whether nobody is elected for the message any more.
local settled
local function is_settled()
  if settled == nil then settled = redis.call('EXISTS', answer, keys.deleted(message)) > 0 end
  return settled
end

-- Whether the bot has heard this event before; an edit may speak to it again. Returns its first reply, or nil.
local function earlier_verdict(one)
  local word, due_in, id, first_request = outcome_of(one.before)
  -- Only read again from the election's copy, never admitted.
  if word == '' then word = nil end
  if word and first_request == request then return {word, tonumber(due_in), id} end
  local again = false
  if kind == 'edit' then
    -- An edit may speak to a bot again that an earlier edit had released, and to one that was silent unasked; to one that
    -- was spoken to before it brings nothing.
    local answered = redis.call('HGET', answer, one.bot)
    local asked = word == 'direct' or outcome_of(redis.call('HGET', keys.seen(message), one.bot)) == 'direct'
    again = not asked or answered == 'cancelled'
    if again and (answered == 'cancelled' or answered == 'declined') then
      redis.call('HDEL', answer, one.bot)
      settled = nil
    end
  end
  if not again and (word or kind == 'edit') then return {'duplicate', 0, id or ''} end
end

-- Why a bot may start nothing more, or nil.
local function why_spent(one)
  if one.signal == 'ambient' or not one.wakes then return nil end
  if author_kind ~= 'human' then
    local root, hops = root_of(message, author_kind)
    local why = root_spent(root, hops, one.limits, cost_of(1, 1, 0))
    if why then return why end
  end
  return day_spent(one.bot, one.limits, cost_of(1, 0, 0))
end

-- A person's word to the bot: why it is one too many, or nil; the kind of notice that tells so.
local function over_limit(one)
  if author_kind ~= 'human' then return nil, '' end
  local hour = keys.person_hour(one.bot, author)
  local asked = redis.call('INCRBY', hour, weight)
  if asked == weight then redis.call('PEXPIRE', hour, PERSON_HOUR_TTL) end
  if asked > one.limits.person_hourly then
    return 'message ' .. asked .. ' this hour, limit ' .. one.limits.person_hourly, 'hour'
  end
  return share_spent(one.bot, author, one.limits, weight), 'day'
end

-- The bots that one message speaks to share its turn, so that their order stays that of the message.
local function turn_of_message()
  if not turn then
    turn = next_turn(channel, author, weight)
    change('turn', int(turn))
  end
  return turn
end

local function admit_direct(one)
  local over, notice = over_limit(one)
  one.turn = turn_of_message()
  local full, waiting = fullness(keys.direct_inbox(one.bot, channel), one.limits.waiting)
  -- Turns ahead of the one that is served: as much as its author has waiting here.
  local ahead = one.turn - served_turn(channel)
  local crowded = full >= 1 and (ahead > one.limits.quiet_posts or full >= 1.5)
  -- Told once a day, and by nobody where many wait: a notice is a post too.
  if over and (crowded or not first_told(one.bot, author)) then
    count()
    return verdict(one, 'over_person_limit', 0, over)
  end
  if crowded then
    count()
    return verdict(one, 'crowded', 0, waiting .. ' messages wait for the bot here')
  end
  if over then one.notice = notice end
  enqueue(one)
  join_elections(one)
  count()
  wake_lane(one.bot .. ':' .. channel, 'direct', now + one.delay_ms)
  return verdict(one, over and 'notice' or 'direct', one.delay_ms, over)
end

local function open(one, window)
  state, held = 'open', math.max(held, now + one.delay_ms)
  for field, value in pairs({state = state, channel = channel, opened = int(now), author = author_kind, guild = guild,
    parent = parent or '-', held = one.delay_ms > 0 and int(held) or nil}) do change(field, value) end
  local text = one.event or heard
  redis.call('HSET', keys.event(message), 'event', text, 'signal', one.signal, 'reason', one.reason)
  left = left + 1.25 * #text + 200
  redis.call('PEXPIRE', keys.event(message), ELECTION_TTL)
  due = now + window
end

local function admit_unasked(one)
  local bid = one.bid
  if bid and (bid ~= bid or bid == math.huge or bid == -math.huge) then
    one.bid, one.score = nil, nil
    count()
    return verdict(one, 'refused', 0, 'bid is not a finite number')
  end
  if one.signal == 'direct' then
    -- Too old, or where the bot may not write: in the direct inbox the next direct cycle would answer it all the same.
    one.signal = 'ambient'
    enqueue(one)
    count()
    return verdict(one, 'passed', 0, one.reason)
  end
  enqueue(one)
  if one.signal ~= 'ambient' then join_elections(one) end
  if not one.wakes or not bid or is_settled() then
    return verdict(one, count() and 'complete' or 'passed', 0)
  end
  if state and state ~= 'open' then return verdict(one, 'late', 0, 'election is ' .. state) end
  offers[#offers + 1], offers[#offers + 2] = one.bot, bid
  if one.quiet_ms then change('quiet:' .. one.bot, int(one.quiet_ms)) end
  -- While a proxy may yet replace the message nobody is elected for it.
  local window, opens = math.max(window_ms, one.delay_ms), not state
  if opens then open(one, window) end
  if count() then return verdict(one, 'complete', 0) end
  return verdict(one, opens and 'opened' or 'bid', window)
end

local learned, mutes = false, anybody_muted(mute_scopes, bots)
local function admit(one)
  local earlier = earlier_verdict(one)
  if earlier then return earlier end
  if not learned then learn() end
  learned = true
  local muted = mutes and muted_by((string.gsub(mute_scopes, '%*', one.bot)))
  if muted then
    count()
    return verdict(one, 'muted', 0, muted)
  end
  local direct = one.signal == 'direct'
  -- Far beyond what is answered, nothing is written any more: a flood must not fill Redis with its refusals.
  if direct and one.wakes and author_kind == 'human'
    and (tonumber(redis.call('GET', keys.person_hour(one.bot, author)) or nil) or 0) >= 2 * one.limits.person_hourly then
    move_cursor(one)
    return {'over_person_limit', 0, ''}
  end
  if trails_behind(one) then
    one.signal = 'ambient'
    enqueue(one)
    count()
    return verdict(one, 'passed', 0, 'an afterthought: what it belongs to is answered')
  end
  if direct and not addressed_at then
    addressed_at = int(now)
    change('addressed', addressed_at)
  end
  local spent = why_spent(one)
  if spent then
    one.signal = 'ambient'
    enqueue(one)
    count()
    return verdict(one, 'exhausted', 0, spent)
  end
  return direct and one.wakes and admit_direct(one) or admit_unasked(one)
end

local replies = {}
for place, one in ipairs(members) do replies[place] = admit(one) end
if counted > counted_before then
  change(counter, int(counted))
  change('expected', int(most))
end
if next(changes) then
  redis.call('HSET', election, unpack(changes))
  redis.call('PEXPIRE', election, ELECTION_TTL)
end
if due then redis.call('ZADD', keys.elections_due, int(due), message) end
if next(offers) then
  redis.call('HSET', bids, unpack(offers))
  redis.call('PEXPIRE', bids, ELECTION_TTL)
end
if next(outcomes) then
  redis.call('HSET', seen, unpack(outcomes))
  redis.call('PEXPIRE', seen, SEEN_TTL)
end
if next(lines) then append_lines(journal, lines) end
if left > 0 then leave_bytes(budgeted, message, left, members[1].limits.channel_bytes) end
return cjson.encode(replies)
