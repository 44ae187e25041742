-- Ask for a channel's floor for one message. Only the holder of the lane's lock may.
-- Returns {verdict, token, retry in ms}. Idempotent: a holder that asks again keeps its token.
--#include journal mutes brakes floor turns outcomes
if redis.call('GET', lock) ~= owner then return {'lost_lock', '', 0} end
local holder, previous = floor_of(floor)
local mine = holder and holder.bot == bot and holder.message == message and holder.kind == kind and not holder.entry
local direct = kind == 'direct'

-- A bot that no longer wants the floor lets the next one in.
local function leave(verdict)
  if direct then
    redis.call('ZREM', keys.following(message), bot)
    if redis.call('ZREM', keys.waiting(channel), bot) == 1 and not holder then call_next(floor, channel) end
  end
  return {verdict, '', 0}
end

local function wait(until_ms)
  until_ms = math.max(until_ms, now + 10)
  if direct then
    await(channel, bot, until_ms)
    redis.call('HSET', floor, 'lease', lease_ms)
    redis.call('PEXPIRE', floor, FLOOR_TTL)
  end
  return {'wait', '', until_ms - now}
end

-- Does the bot still owe this message an answer? Nil: it has not heard the message, as far as is known.
local function owes(named)
  if redis.call('HEXISTS', answer, named) == 1 then return false end
  local heard
  for _, seen in ipairs({keys.seen(message), keys.seen_edit(message)}) do
    local word, _, id = outcome_of(redis.call('HGET', seen, named))
    if word == 'direct' or word == 'notice' then
      if #redis.call('XRANGE', keys.direct_inbox(named, channel), id, id) > 0 then return true end
    end
    if word and word ~= '' then heard = false end
  end
  return heard
end

-- Until when those named before are counted on. Each has a lease from the admission; after that who has heard the message must
-- keep asking for the floor of this channel.
local function counted_on()
  local addressed = tonumber(redis.call('HGET', election, 'addressed') or nil) or 0
  local latest = 0
  for _, named in ipairs(named_before) do
    local owing = owes(named)
    if owing ~= false then
      latest = math.max(latest, addressed + lease_ms)
      if owing then latest = math.max(latest, awaited_by(channel, named) + lease_ms) end
    end
  end
  return latest
end

if #redis.call('XRANGE', inbox, entry_id, entry_id) == 0 then return leave('gone') end
if muted_by(mute_scopes) then return leave('muted') end
if direct then
  if redis.call('HEXISTS', answer, bot) == 1 then return leave('answered') end
  if redis.call('EXISTS', keys.deleted(message)) == 1 then return leave('gone') end
end
if direct and not mine then
  local latest = counted_on()
  if latest > now then
    -- Called for an earlier line, which this one goes on with: at the head of the queue it would keep those from the floor for whom
    -- it waits itself.
    if not holder and queue_of(channel, lease_ms)[1] == bot then
      redis.call('ZREM', keys.waiting(channel), bot)
      call_next(floor, channel, bot)
    end
    redis.call('ZADD', keys.following(message), place, bot)
    redis.call('PEXPIRE', keys.following(message), WAITING_TTL)
    return wait(latest)
  end
  redis.call('ZREM', keys.following(message), bot)
  queue_up(channel, bot, place)
  if holder and (holder.kind == 'direct' or holder.entry) then return wait(holder.until_ms) end
  await(channel, bot, now + FLOOR_TTL)
  if queue_of(channel, lease_ms)[1] ~= bot then
    call_next(floor, channel, bot)
    return wait(awaited_by(channel, bot))
  end
  if holder then
    record(journal, bot, 'claim', 'pre_empted', holder.bot .. ' loses the floor to a direct message')
  end
elseif not direct then
  if redis.call('EXISTS', answer, keys.deleted(message)) > 0 then return {'answered', '', 0} end
  local e = redis.call('HMGET', election, 'addressed', 'state', 'winner', 'paid')
  local state, winner, paid = e[2], e[3], e[4]
  if e[1] then return {'addressed', '', 0} end
  if state == 'open' or (paid and paid ~= bot) or (state == 'granted' and winner ~= bot) then
    return {'election_open', '', 0}
  end
  local closed_ms = unasked_in()
  if closed_ms then return wait(now + closed_ms) end
  local cool = cooled(bot)
  if cool then return {'cooled', '', cool} end
  if holder and not mine then return wait(holder.until_ms) end
  local last = redis.call('ZRANGE', recent_posts, -1, -1, 'WITHSCORES')
  if last[2] and tonumber(last[2]) + quiet_ms > now then
    return {'quiet', '', tonumber(last[2]) + quiet_ms - now}
  end
end
if direct then
  redis.call('ZREM', keys.waiting(channel), bot)
  await(channel, bot, now)
  serve_turn(channel, message)
end
if mine then
  redis.call('HSET', floor, 'until', int(now + lease_ms))
  redis.call('PEXPIRE', floor, FLOOR_TTL)
  return {'granted', holder.token, 0}
end
return {'granted', take_floor(floor, previous, bot, message, kind, lease_ms), 0}
