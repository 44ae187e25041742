-- Which database is this? One that was emptied has no generation, and gets the caller's.
-- KEYS  1 generation  2 roster   ARGV  1 a new generation  2... bots
-- Returns {generation, bots that the roster lacks...}
local found = redis.call('GET', KEYS[1])
if not found then
  redis.call('SET', KEYS[1], ARGV[1])
  found = ARGV[1]
end
local reply = {found}
for i = 2, #ARGV do
  if redis.call('HEXISTS', KEYS[2], ARGV[i]) == 0 then reply[#reply + 1] = ARGV[i] end
end
return reply
