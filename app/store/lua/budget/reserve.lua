-- Before a paid model call: is the floor still mine, and does every budget have room? Then mark the message as paid for (from
-- here on nobody else may be elected for it) and hold what the call may cost. Asked again for the same hold, it holds more.
-- Returns {verdict, reason}: ok | wait | lost_lock | lost_floor | budget
--#include once repeats holds fair floor
local earlier = earlier_reply(request)
if earlier then return earlier end
if redis.call('GET', lock) ~= owner then return {'lost_lock', ''} end
local holder = floor_of(floor)
if not holder or holder.bot ~= bot or holder.message ~= message or holder.token ~= token or holder.entry then
  return {'lost_floor', ''}
end
-- Paid once: an unaddressed message belongs to the bot that paid for it first, whatever later elections say.
if kind ~= 'direct' then
  local paid = redis.call('HGET', election, 'paid')
  if paid and paid ~= bot then return {'lost_floor', paid .. ' has paid for it'} end
end
local root, hops = root_of(message, author_kind)
local function spent(cost, held)
  return answer_spent(root, hops, kind, limits, cost, held)
    or author and share_spent(bot, author, limits, 1)
end
local cost = cost_of(1, tokens, micro_usd)
local person = person_of(root, author_kind, author or '')
local outcome = take_hold(hold, bot, root, person, channel, limits, cost, spent)
if outcome[1] == 'budget' then record_repeat(journal, bot, 'reserve', 'budget', outcome[2]) end
if outcome[1] ~= 'ok' then return outcome end
if kind ~= 'direct' then
  redis.call('HSET', election, 'paid', bot)
  redis.call('PEXPIRE', election, ELECTION_TTL)
end
return reply_once(request, outcome)
