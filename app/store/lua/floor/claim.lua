-- Ask for a channel's floor for one message. Only the holder of the lane's lock may.
-- Returns {verdict, token, retry in ms}. Idempotent: a holder that asks again keeps its token.
--#include journal mutes floor
if redis.call('GET', lock) ~= owner then return {'lost_lock', '', 0} end
if #redis.call('XRANGE', inbox, entry_id, entry_id) == 0 then return {'gone', '', 0} end
if muted_by(mute_scopes) then return {'muted', '', 0} end

local holder, previous, free_since = floor_of(floor)
local mine = holder and holder.bot == bot and holder.message == message and holder.kind == kind and not holder.entry

local function wait(until_ms)
  redis.call('ZADD', waiting, place, lane)
  redis.call('PEXPIRE', waiting, WAITING_TTL)
  return {'wait', '', math.max(until_ms - now, 10)}
end

if kind == 'direct' then
  if redis.call('HEXISTS', answer, bot) == 1 then return {'answered', '', 0} end
  if redis.call('EXISTS', keys.deleted(message)) == 1 then return {'gone', '', 0} end
  local unsettled = 0
  for _, named in ipairs(named_before) do
    local done = redis.call('HGET', answer, named)
    if not done or string.sub(done, 1, 9) == 'committed' then unsettled = unsettled + 1 end
  end
  if unsettled > 0 and not mine then
    if holder then return wait(holder.until_ms) end
    -- Each dead predecessor is skipped after one lease of a free floor, so that two successors never come at once.
    local since = math.max(tonumber(redis.call('HGET', election, 'addressed') or nil) or 0, free_since)
    if now < since + unsettled * lease_ms then return wait(since + unsettled * lease_ms) end
  end
  if holder and not mine and (holder.kind == 'direct' or holder.entry) then return wait(holder.until_ms) end
  if holder and not mine then
    record(journal, bot, 'claim', 'pre_empted', holder.bot .. ' loses the floor to a direct message')
  end
else
  if redis.call('EXISTS', answer, keys.deleted(message)) > 0 then return {'answered', '', 0} end
  local e = redis.call('HMGET', election, 'addressed', 'state', 'winner', 'paid')
  local state, winner, paid = e[2], e[3], e[4]
  if e[1] then return {'addressed', '', 0} end
  if state == 'open' or (paid and paid ~= bot) or (state == 'granted' and winner ~= bot) then
    return {'election_open', '', 0}
  end
  local cool = cooled(bot)
  if cool > 0 then return {'cooled', '', cool} end
  if holder and not mine then return {'wait', '', math.max(holder.until_ms - now, 10)} end
  local last = redis.call('ZRANGE', recent_posts, -1, -1, 'WITHSCORES')
  if last[2] and tonumber(last[2]) + quiet_ms > now then
    return {'quiet', '', tonumber(last[2]) + quiet_ms - now}
  end
end
redis.call('ZREM', waiting, lane)
if mine then
  redis.call('HSET', floor, 'until', int(now + lease_ms))
  redis.call('PEXPIRE', floor, FLOOR_TTL)
  return {'granted', holder.token, 0}
end
return {'granted', take_floor(floor, previous, bot, message, kind, lease_ms), 0}
