-- Which database is this? One that was emptied has no generation, and gets the caller's.
-- Returns {generation, bots that the roster lacks...}
local found = redis.call('GET', generation)
if not found then
  redis.call('SET', generation, proposal)
  found = proposal
end
local reply = {found}
for _, bot in ipairs(bots) do
  if redis.call('HEXISTS', roster, bot) == 0 then reply[#reply + 1] = bot end
end
return reply
