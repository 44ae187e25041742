-- Which database is this? One that is new, or was emptied, has no generation.
-- Returns {generation or '', bots that the roster lacks...}
local answer = {redis.call('GET', generation) or ''}
for _, bot in ipairs(bots) do
  if redis.call('HEXISTS', roster, bot) == 0 then answer[#answer + 1] = bot end
end
return answer
