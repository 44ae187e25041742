-- Write what was claimed, once; only the newest dates are kept.
-- Without `text` the claim is only given back. Returns written | lost (somebody else has the claim) | released
local holder = redis.call('GET', claim)
-- Written, and the claim still mine: the first answer to this call was lost.
if redis.call('HEXISTS', dates, date) == 1 then return holder == owner and 'written' or 'lost' end
if holder ~= owner then return 'lost' end
if not text then
  redis.call('DEL', claim)
  return 'released'
end
redis.call('HSET', dates, date, text)
local written = redis.call('HKEYS', dates)
table.sort(written)
for i = 1, #written - most do redis.call('HDEL', dates, written[i]) end
redis.call('PEXPIRE', dates, NIGHTS_TTL)
return 'written'
