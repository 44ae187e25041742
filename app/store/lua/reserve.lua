-- Before a paid model call: is the floor still mine, and does every budget have room? Then mark the message as paid for (from
-- here on nobody else may be elected for it) and hold what the call may cost. Asked again for the same hold, it holds more.
-- KEYS  1 floor  2 bids  3 journal  4 request  5 lock
-- ARGV  1 bot  2 message  3 token  4 author kind  5 kind (direct|auto)  6 limits JSON  7 tokens  8 lock owner  9 micro USD
--       10 hold  11 author ('' none)  12 channel whose budget it is
-- Returns {verdict, reason}: ok | wait | lost_lock | lost_floor | budget
--#include keys
--#include lib
--#include cause
--#include holds
--#include fair
--#include floor
local earlier = redis.call('GET', KEYS[4])
if earlier then return cjson.decode(earlier) end
local bot, message = ARGV[1], ARGV[2]
local limits = cjson.decode(ARGV[6])
if redis.call('GET', KEYS[5]) ~= ARGV[8] then return {'lost_lock', ''} end
local holder = floor_of(KEYS[1])
if not holder or holder.bot ~= bot or holder.message ~= message or holder.token ~= ARGV[3] or holder.entry then
  return {'lost_floor', ''}
end
-- Paid once: an unaddressed message belongs to whoever paid for it first, whatever elections say later.
if ARGV[5] ~= 'direct' then
  local paid = redis.call('HGET', KEYS[2], '#paid')
  if paid and paid ~= bot then return {'lost_floor', paid .. ' has paid for it'} end
end
local root, hops = root_of(message, ARGV[4])
local function spent(cost)
  return answer_spent(root, hops, ARGV[5], limits, cost)
    or ARGV[11] ~= '' and share_spent(bot, ARGV[11], limits, 1)
end
local cost = cost_of(1, tonumber(ARGV[7]), tonumber(ARGV[9]))
local person = person_of(root, ARGV[4], ARGV[11])
local outcome = take_hold(ARGV[10], bot, root, person, ARGV[12], limits, cost, spent)
if outcome[1] == 'budget' then journal(KEYS[3], bot, 'reserve', 'budget', outcome[2]) end
if outcome[1] ~= 'ok' then return outcome end
if ARGV[5] ~= 'direct' then
  redis.call('HSET', KEYS[2], '#paid', bot)
  redis.call('PEXPIRE', KEYS[2], 2 * HOUR)
end
redis.call('SET', KEYS[4], cjson.encode(outcome), 'PX', 600000)
return outcome
