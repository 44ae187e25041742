-- A call of a model ended without a post: what it cost takes the place of what was held for it.
-- KEYS  1 request   ARGV  1 hold  2 limits JSON  3 tokens  4 micro USD
-- Returns 1, or 0 when nothing is held
--#include keys
--#include lib
--#include cause
--#include holds
local earlier = redis.call('GET', KEYS[1])
if earlier then return tonumber(earlier) end
local settled = settle(ARGV[1], cjson.decode(ARGV[2]), cost_of(0, tonumber(ARGV[3]), tonumber(ARGV[4]))) and 1 or 0
redis.call('SET', KEYS[1], settled, 'PX', 600000)
return settled
