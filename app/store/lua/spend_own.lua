-- Money for what no message caused (diary, dream, learning): first hold an estimate of the day's budgets, then book the rest.
-- KEYS  1 request   ARGV  1 bot  2 limits JSON  3 tokens (negative: give back)  4 micro USD  5 settle (1: the call was made)
-- Returns ok, or why not
--#include keys
--#include lib
--#include cause
local earlier = redis.call('GET', KEYS[1])
if earlier then return earlier end
local bot, tokens, micro_usd = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local why = ARGV[5] ~= '1' and day_spent(bot, cjson.decode(ARGV[2]), tokens, micro_usd)
if not why then spend(bot, 'own:' .. bot .. ':' .. today(), 0, tokens, micro_usd) end
redis.call('SET', KEYS[1], why or 'ok', 'PX', 600000)
return why or 'ok'
