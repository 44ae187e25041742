-- Which messages are already known to be one of our posts? Takes the cause of each.
-- Returns 1 or 0 for each. Only outbox.record_delivery writes `by`; a gateway that saw the post first writes a cause without it.
local found = {}
for i, key in ipairs(causes) do
  found[i] = redis.call('HEXISTS', key, 'by')
end
return found
