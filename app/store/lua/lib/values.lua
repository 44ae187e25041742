-- What is stored may have been edited by hand, or be another program's: it is read with care.

local function int(number) return string.format('%.0f', number) end

-- One field of a hash; nil where there is none, or where the key holds something else.
local function field_of(key, field)
  local found = redis.pcall('HGET', key, field)
  return type(found) == 'string' and found or nil
end

-- The key, fit to be written as a hash: what holds something else goes.
local function as_hash(key)
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', key) end
  return key
end

-- A count that was stored, or nil for what is none.
local function whole(text)
  local count = type(text) == 'string' and string.match(text, '^%d+$') and tonumber(text)
  return count and count < 2 ^ 53 and count or nil
end

-- Is snowflake a newer than b? Compared as text: they do not fit a Lua number exactly.
local function newer(a, b)
  if not b then return true end
  if #a ~= #b then return #a > #b end
  return a > b
end
