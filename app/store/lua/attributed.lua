-- Which messages are already known to be one of our posts?
-- KEYS  1.. cause of each message
-- Returns 1 or 0 for each. Only `delivered` writes `by`; a gateway that saw the post first writes a cause without it.
local found = {}
for i, key in ipairs(KEYS) do
  found[i] = redis.call('HEXISTS', key, 'by')
end
return found
