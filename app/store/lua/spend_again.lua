-- Raise the counts of a budget after Redis was emptied; what was spent since may be more already.
-- KEYS  1 budget   ARGV  1 expiry ms  2... field, count, field, count, ...
-- Returns how many were raised
local raised = 0
for i = 2, #ARGV, 2 do
  local now = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or nil) or 0
  local before = tonumber(ARGV[i + 1])
  if before and before > now then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    raised = raised + 1
  end
end
if raised > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return raised
