-- Renew a floor lease while the model writes.
-- KEYS  1 floor   ARGV  1 bot  2 message  3 token  4 lease ms
-- Returns 1: renewed, 0: lost
--#include keys
--#include lib
--#include floor
local holder = floor_of(KEYS[1])
if not holder or holder.bot ~= ARGV[1] or holder.message ~= ARGV[2] or holder.token ~= ARGV[3] or holder.entry then return 0 end
redis.call('HSET', KEYS[1], 'until', int(now + tonumber(ARGV[4])))
redis.call('PEXPIRE', KEYS[1], HOUR)
return 1
