-- Write what was claimed, once; only the newest dates are kept.
-- KEYS  1 dates  2 claim   ARGV  1 date  2 owner  3 JSON ('' nothing to write: only give the claim back)  4 most dates  5 expiry ms
-- Returns written | lost (somebody else has the claim) | released
local holder = redis.call('GET', KEYS[2])
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return holder == ARGV[2] and 'written' or 'lost' end
if holder ~= ARGV[2] then return 'lost' end
if ARGV[3] == '' then
  redis.call('DEL', KEYS[2])
  return 'released'
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
local dates = redis.call('HKEYS', KEYS[1])
table.sort(dates)
for i = 1, #dates - tonumber(ARGV[4]) do redis.call('HDEL', KEYS[1], dates[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 'written'
