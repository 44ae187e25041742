-- Before a model call that no message caused (diary, dream, learning): hold what it may cost.
-- KEYS  1 request   ARGV  1 bot  2 limits JSON  3 tokens  4 micro USD  5 hold
-- Returns {verdict, reason}: ok | wait | budget
--#include keys
--#include lib
--#include cause
--#include holds
local earlier = redis.call('GET', KEYS[1])
if earlier then return cjson.decode(earlier) end
local bot, cost = ARGV[1], cost_of(0, tonumber(ARGV[3]), tonumber(ARGV[4]))
local root = 'own:' .. bot .. ':' .. today()
local function unbounded() return nil end
local outcome = take_hold(ARGV[5], bot, root, '', '', cjson.decode(ARGV[2]), cost, unbounded)
if outcome[1] == 'ok' then redis.call('SET', KEYS[1], cjson.encode(outcome), 'PX', 600000) end
return outcome
