-- Give the floor back without an answer.
-- Returns {verdict, next bot, next election}: lost_lock | kept | declined | handed_over | dropped
-- A paid or direct message is declined for good; a granted one that nothing was paid for is handed over, once.
--#include once repeats floor
local earlier = earlier_reply(request)
if earlier then return earlier end
if redis.call('GET', lock) ~= owner then return {'lost_lock', '', ''} end
local verdict = 'kept'
if not retry_later then
  redis.call('XDEL', inbox, entry_id)
  redis.call('HDEL', work, message)
  if kind == 'direct' then stop_waiting(inbox, channel, bot, message) end
  local e = redis.call('HMGET', election, 'paid', 'state', 'winner', 'addressed')
  local paid, state, winner, addressed = e[1], e[2], e[3], e[4]
  if kind == 'direct' or (paid == bot and not addressed) then
    verdict = 'declined'
    redis.call('HSETNX', answer, bot, 'declined')
    redis.call('PEXPIRE', answer, ANSWER_TTL)
  elseif state == 'granted' and winner == bot then
    verdict = 'handed_over'
    redis.call('ZADD', keys.elections_due, int(now), message)
  else
    verdict = 'dropped'
  end
end
local holder = floor_of(floor)
local mine = holder and holder.bot == bot and holder.message == message and holder.token == token and not holder.entry
if mine then
  free_floor(floor)
  if kind == 'direct' then let_go(channel, bot) end
  -- It had its turn: until it asks again, nobody waits for it.
  if kind == 'direct' and retry_later then redis.call('HDEL', keys.awaited(channel), bot) end
end
local next_bot, next_election = '', ''
if mine or not retry_later then next_bot, next_election = pass_on(floor, channel, message) end
record_repeat(journal, bot, 'yield', verdict, reason)
return reply_once(request, {verdict, next_bot, next_election})
