-- Forget what a channel, or each, has made of a bot's posts. `channel`: empty for each. Returns how many shares went
--#include values
local gone = 0
for _, name in ipairs(redis.call('HKEYS', as_hash(reception))) do
  if not channel or string.sub(name, 1, #channel + 1) == channel .. ':' then
    gone = gone + redis.call('HDEL', reception, name)
  end
end
return gone
