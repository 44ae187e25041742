-- The scopes that are muted. Those whose mute has ended are taken out.
-- Returns the scopes
--#include mutes
local standing = {}
for _, scope in ipairs(redis.call('ZRANGE', mutes, 0, -1)) do
  if redis.call('EXISTS', keys.mute_by_operator(scope), keys.mute(scope)) > 0 then
    standing[#standing + 1] = scope
  else
    redis.call('ZREM', mutes, scope)
  end
end
return standing
