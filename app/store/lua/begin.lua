-- A cycle that holds the lane's lock asks whether the lane is due, since which trigger, and what it has to read. One step, so
-- that the sequence and the entries belong together. A lane that is not due gives its lock back here: no hint meets it busy.
-- KEYS  1 lock  2 wake:<lane>  3 wakes:due  4 the lane's inbox  5 work   ARGV  1 lane  2 lock owner  3 most entries
--       4 bot if autonomous, else ''
-- Returns {verdict, seq, context, now ms, entries (granted, then newest first), work, everything (1|0)}: due | not_due | lost_lock
-- What is answered already leaves the unasked inbox here: nobody would ever answer it again.
--#include keys
--#include lib
local FULL = 500
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return {'lost_lock', '', '', now, {}, {}, 0} end
local due = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[1]) or nil)
if not due or due > now then
  redis.call('DEL', KEYS[1])
  return {'not_due', '', '', now, {}, {}, 0}
end
-- An election's record lives for hours, the work list for days: what it forgot must not keep the bot busy for ever.
for _, message in ipairs(redis.call('HKEYS', KEYS[5])) do
  if redis.call('EXISTS', keys.bids(message)) == 0 then redis.call('HDEL', KEYS[5], message) end
end
local w = redis.call('HMGET', KEYS[2], 'seq', 'context', 'full', 'poll')
local work = redis.call('HGETALL', KEYS[5])
local entries, bot = {}, ARGV[4]

local function keep(subject, fields)
  local id = redis.call('XADD', KEYS[4], '*', unpack(fields))
  redis.call('PEXPIRE', KEYS[4], 30 * DAY)
  redis.call('HSET', keys.seen(bot, subject), 'id', id)
  redis.call('PEXPIRE', keys.seen(bot, subject), HOUR)
  entries[#entries + 1] = {id, fields}
end

-- A granted cycle reads what was granted and nothing else: its cost must not grow with what others said meanwhile. But where
-- triggers wait for the end of a cooldown it reads those too: new grants would keep the bot from ever coming to them.
local function granted(subject)
  local id = redis.call('HGET', keys.seen(bot, subject), 'id')
  local found = id and id ~= '' and redis.call('XRANGE', KEYS[4], id, id) or {}
  if not found[1] then return end
  if redis.call('XLEN', KEYS[4]) < FULL then
    entries[#entries + 1] = found[1]
  else
    -- An old entry of a full inbox would be trimmed while its answer is being written: it goes to the end.
    redis.call('XDEL', KEYS[4], id)
    keep(subject, found[1][2])
  end
end

-- A flood of chatter has trimmed the inbox while the election waited: the election keeps a copy of what it is about.
local function restore(message)
  local e = redis.call('HMGET', keys.event(message), 'event', 'signal', 'reason')
  if not e[1] then
    redis.call('HDEL', KEYS[5], message)
    return
  end
  local bid = redis.call('HGET', keys.bids(message), bot) or ''
  keep(message, {'event', e[1], 'signal', e[2], 'reason', e[3], 'addressed', '[]', 'bid', bid, 'message', message})
end

if bot ~= '' then
  for i = 1, #work, 2 do
    local before = #entries
    granted(work[i])
    granted(work[i] .. '.r')
    if #entries == before then restore(work[i]) end
  end
end
-- What is due now stays so (`<mark>_now`) until a cycle has ended that saw to it; what comes meanwhile is a mark of its own.
local function reached(mark, due)
  if due and tonumber(due) <= now then
    redis.call('HDEL', KEYS[2], mark)
    redis.call('HSET', KEYS[2], mark .. '_now', 1)
  end
  return redis.call('HEXISTS', KEYS[2], mark .. '_now') == 1
end
local polled, waited, has = reached('poll', w[4]), reached('full', w[3]), {}
local everything = #entries == 0 or polled or waited
for _, entry in ipairs(entries) do has[entry[1]] = true end
if everything then
  -- Newest first where there is more than one cycle can read: what is left comes with the next one.
  for _, entry in ipairs(redis.call('XREVRANGE', KEYS[4], '+', '-', 'COUNT', ARGV[3])) do
    local message = entry[2][12]
    if has[entry[1]] then
      -- Granted: read already.
    elseif bot ~= '' and message and redis.call('EXISTS', keys.answer(message)) == 1 then
      redis.call('XDEL', KEYS[4], entry[1])
    else
      entries[#entries + 1] = entry
    end
  end
end
return {'due', w[1] or '', polled and 'poll' or w[2] or '', now, entries, work, everything and 1 or 0}
