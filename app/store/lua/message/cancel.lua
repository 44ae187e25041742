-- A message that spoke to this bot is owed no answer any more: an edit took its name out, or it may not write there. What it
-- has committed stands.
-- Returns 1: cancelled, 0: it has answered, declined or been cancelled before, or was edited before it was admitted.
--#include journal floor
if redis.call('HEXISTS', election, 'addressed') == 0 then return 0 end
local first = redis.call('HSETNX', answer, bot, 'cancelled')
redis.call('PEXPIRE', answer, ANSWER_TTL)
if first == 1 then
  record(journal, bot, step, 'cancelled', reason)
  -- Bots that wait for this bot's answer have nothing to wait for.
  pass_on(floor, channel, message)
end
return first
