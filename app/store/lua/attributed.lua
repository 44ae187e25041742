-- Which messages are already known to be the post of another chunk or entry?
-- KEYS  1.. cause of each message   ARGV  1 entry:chunk that asks
-- Returns 1 or 0 for each. Only `delivered` writes `by`; a gateway that saw the post first writes a cause without it.
--#include keys
--#include lib
local found = {}
for i, key in ipairs(KEYS) do
  local by = redis.call('HGET', key, 'by')
  found[i] = by and by ~= ARGV[1] and 1 or 0
end
return found
