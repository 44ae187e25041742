-- Tell a cycle that holds the lane's lock whether the lane is due, since which trigger, and what to read. It is one step, so
-- the sequence and the entries belong together. If the lane is not due its lock is released here, and no hint finds it busy.
-- Returns {verdict, seq, context, now ms, entries, work, everything (1|0), by how many ms Discord's clock is ahead}:
-- due | not_due | lost_lock
-- Entries of a direct lane come oldest first, so the longest wait is read however many wait. In a bot's own lane granted entries
-- come first, then the newest.
-- Messages that are answered already leave the unasked inbox here: nobody would ever answer them again.
--#include discord outcomes fields
local FULL = 500
if redis.call('GET', lock) ~= owner then return {'lost_lock', '', '', now, {}, {}, 0, 0} end
local due = tonumber(redis.call('ZSCORE', keys.wakes_due, lane) or nil)
if not due or due > now then
  redis.call('DEL', lock)
  return {'not_due', '', '', now, {}, {}, 0, 0}
end
-- An election's record lives for hours, the work list for days: what it forgot must not keep the bot busy for ever.
for _, message in ipairs(redis.call('HKEYS', work)) do
  if redis.call('EXISTS', keys.election(message)) == 0 then redis.call('HDEL', work, message) end
end
local w = redis.call('HMGET', wake, 'seq', 'context', 'full', 'poll')
local grants = redis.call('HGETALL', work)
local entries = {}

local function enqueue(seen, fields)
  local id = redis.call('XADD', inbox, '*', unpack(fields))
  redis.call('PEXPIRE', inbox, INBOX_TTL)
  local word, due_in, _, request = outcome_of(redis.call('HGET', seen, bot))
  redis.call('HSET', seen, bot, outcome_text(word or '', due_in or 0, id, request or ''))
  redis.call('PEXPIRE', seen, SEEN_TTL)
  entries[#entries + 1] = {id, fields}
end

-- A granted cycle reads what was granted and nothing else: its cost must not grow with what others said meanwhile. But where
-- triggers wait for the end of a cooldown it reads those too: new grants would keep the bot from ever coming to them.
local function granted(seen)
  local _, _, id = outcome_of(redis.call('HGET', seen, bot))
  local found = id and id ~= '' and redis.call('XRANGE', inbox, id, id) or {}
  if not next(found) then return end
  if redis.call('XLEN', inbox) < FULL then
    entries[#entries + 1] = found[1]
  else
    -- An old entry of a full inbox would be trimmed while its answer is being written: it goes to the end.
    redis.call('XDEL', inbox, id)
    enqueue(seen, found[1][2])
  end
end

-- A flood of chatter has trimmed the inbox while the election waited: the election keeps a copy of what it is about.
local function restore(message)
  local e = redis.call('HMGET', keys.event(message), 'event', 'signal', 'reason')
  if not e[1] then
    redis.call('HDEL', work, message)
    return
  end
  local bid = redis.call('HGET', keys.bids(message), bot) or ''
  enqueue(keys.seen(message), {'message', message, 'event', e[1], 'signal', e[2], 'reason', e[3], 'addressed', '[]',
    'bid', bid})
end

if bot then
  for i = 1, #grants, 2 do
    local message, before = grants[i], #entries
    granted(keys.seen(message))
    granted(keys.seen_reaction(message))
    if #entries == before then restore(message) end
  end
end
-- What is due now stays so (`<mark>_now`) until a cycle has ended that saw to it; what comes meanwhile is a mark of its own.
local function reached(mark, due)
  if due and tonumber(due) <= now then
    redis.call('HDEL', wake, mark)
    redis.call('HSET', wake, mark .. '_now', 1)
  end
  return redis.call('HEXISTS', wake, mark .. '_now') == 1
end
local polled, waited, has = reached('poll', w[4]), reached('full', w[3]), {}
local everything = #entries == 0 or polled or waited
for _, entry in ipairs(entries) do has[entry[1]] = true end
if everything then
  -- Where there is more than one cycle can read, what is left comes with the next one.
  local read = bot and redis.call('XREVRANGE', inbox, '+', '-', 'COUNT', most)
    or redis.call('XRANGE', inbox, '-', '+', 'COUNT', most)
  for _, entry in ipairs(read) do
    local message = field_in(entry[2], 'message')
    if has[entry[1]] then
      -- Granted: read already.
    elseif bot and message and redis.call('EXISTS', keys.answer(message), keys.deleted(message)) > 0 then
      redis.call('XDEL', inbox, entry[1])
    else
      entries[#entries + 1] = entry
    end
  end
end
-- The latest line of a thought says until when all of it waits. Where everything waits, the lane is due when the first is over.
local function wait_for_thoughts()
  local over, soonest = {}, nil
  -- A direct lane is read oldest first.
  for i = #entries, 1, -1 do
    local fields = entries[i][2]
    local thought = field_in(fields, 'thought')
    local _, after_at = field_in(fields, 'after')
    local after = after_at and tonumber(fields[after_at]) or 0
    if thought and after_at then
      if not over[thought] then
        local typed = after > 0 and redis.call('GET', keys.thought(field_in(fields, 'message')))
        over[thought] = math.max(after, tonumber(typed or nil) or 0)
      end
      after = over[thought]
      fields[after_at] = after > 0 and int(after) or ''
    end
    soonest = math.min(soonest or math.huge, after)
  end
  return soonest
end
local soonest = not bot and wait_for_thoughts()
if soonest and soonest > now then
  redis.call('ZADD', keys.wakes_due, int(soonest), lane)
  redis.call('HSET', wake, 'hinted', int(now), 'hints', 0)
  redis.call('DEL', lock)
  return {'not_due', '', '', now, {}, {}, 0, 0}
end
return {'due', w[1] or '', polled and 'poll' or w[2] or '', now, entries, grants, everything and 1 or 0, discord_ahead}
