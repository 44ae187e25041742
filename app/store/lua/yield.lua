-- Give the floor back without an answer.
-- KEYS  1 lock  2 floor  3 answer  4 bids  5 inbox  6 work  7 journal  8 waiting  9 elections:due  10 request
-- ARGV  1 lock owner  2 bot  3 message  4 kind (direct|auto)  5 inbox entry  6 floor token  7 keep (1: try again later)
--       8 reason
-- Returns {verdict, next lane}: lost_lock | kept | declined | handed_over | dropped
-- A paid or direct message is declined for good; a granted one that nothing was paid for is handed over, once.
--#include keys
--#include lib
--#include floor
local earlier = redis.call('GET', KEYS[10])
if earlier then return cjson.decode(earlier) end
local bot, message = ARGV[2], ARGV[3]
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'lost_lock', ''} end
local verdict = 'kept'
if ARGV[7] ~= '1' then
  redis.call('XDEL', KEYS[5], ARGV[5])
  redis.call('HDEL', KEYS[6], message)
  local b = redis.call('HMGET', KEYS[4], '#paid', '#state', '#winner', '#addressed')
  if ARGV[4] == 'direct' or (b[1] == bot and not b[4]) then
    verdict = 'declined'
    redis.call('HSETNX', KEYS[3], bot, 'declined')
    redis.call('PEXPIRE', KEYS[3], 26 * HOUR)
  elseif b[2] == 'granted' and b[3] == bot then
    verdict = 'handed_over'
    redis.call('ZADD', KEYS[9], int(now), message)
  else
    verdict = 'dropped'
  end
end
local next_lane = ''
local holder = floor_of(KEYS[2])
if holder and holder.bot == bot and holder.message == message and holder.token == ARGV[6] and not holder.entry then
  next_lane = free_floor(KEYS[2], KEYS[8])
elseif not holder and verdict == 'declined' then
  still_free(KEYS[2])
end
journal(KEYS[7], bot, 'yield', verdict, ARGV[8])
local outcome = {verdict, next_lane}
redis.call('SET', KEYS[10], cjson.encode(outcome), 'PX', 600000)
return outcome
