-- Give the floor back without an answer.
-- Returns {verdict, next lane}: lost_lock | kept | declined | handed_over | dropped
-- A paid or direct message is declined for good; a granted one that nothing was paid for is handed over, once.
--#include once journal floor
local earlier = earlier_reply(request)
if earlier then return earlier end
if redis.call('GET', lock) ~= owner then return {'lost_lock', ''} end
local verdict = 'kept'
if not keeps then
  redis.call('XDEL', inbox, entry_id)
  redis.call('HDEL', work, message)
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
local next_lane = ''
local holder = floor_of(floor)
if holder and holder.bot == bot and holder.message == message and holder.token == token and not holder.entry then
  next_lane = free_floor(floor, waiting)
elseif not holder and verdict == 'declined' then
  still_free(floor)
end
record(journal, bot, 'yield', verdict, reason)
return reply_once(request, {verdict, next_lane})
