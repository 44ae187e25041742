-- Mutes: a human's word, above every model.
--#include keys

-- Whether any of these bots is muted here. `scopes` are those of app.store.keys.mute_scopes, with * for the bot.
local function anybody_muted(scopes, bots)
  local named = {}
  local function name(scope)
    named[#named + 1] = keys.mute_by_operator(scope)
    named[#named + 1] = keys.mute(scope)
  end
  for scope in string.gmatch(scopes, '[^,]+') do
    local before, after = string.match(scope, '^(.-)%*(.*)$')
    if before then
      for _, bot in ipairs(bots) do name(before .. bot .. after) end
    else
      name(scope)
    end
  end
  return redis.call('EXISTS', unpack(named)) > 0
end

-- Is anything muted here? `scopes` are those of app.store.keys.mute_scopes; the operator's count first. Returns the key and
-- who muted, for the journal.
local function muted_by(scopes)
  local named = {}
  for _, key_of in ipairs({keys.mute_by_operator, keys.mute}) do
    for scope in string.gmatch(scopes, '[^,]+') do named[#named + 1] = key_of(scope) end
  end
  if redis.call('EXISTS', unpack(named)) == 0 then return false end
  for _, key in ipairs(named) do
    if redis.call('EXISTS', key) == 1 then
      local who = redis.call('TYPE', key).ok == 'string' and redis.call('GET', key) or 'nobody knows'
      return key .. ' by ' .. string.sub(who, 1, 100)
    end
  end
  return false
end

-- The same for one scope that a script knows only from what it has read.
local function scope_muted(kind, name)
  local scope = name and kind .. ':' .. name or kind
  return redis.call('EXISTS', keys.mute_by_operator(scope), keys.mute(scope)) > 0
end
