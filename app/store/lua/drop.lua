-- Remove inbox entries that need no answer from this bot. Only the holder of the lane's lock may.
-- KEYS  1 lock  2 inbox  3 work
-- ARGV  1 lock owner  2 bot  3 step  4 reason  5... entry id, message, journal (1|0), entry id, ...
-- Returns the number removed, or -1 when the lock is lost
--#include keys
--#include lib
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local removed = 0
for i = 5, #ARGV, 3 do
  local gone = redis.call('XDEL', KEYS[2], ARGV[i])
  removed = removed + gone
  redis.call('HDEL', KEYS[3], ARGV[i + 1])
  if gone == 1 and ARGV[i + 2] == '1' then
    journal(keys.journal(ARGV[i + 1]), ARGV[2], ARGV[3], 'dropped', ARGV[4])
  end
end
return removed
