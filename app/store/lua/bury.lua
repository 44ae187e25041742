-- An entry will not be sent: dead letter with its reason, or dropped on purpose (muted, expired, cancelled). The queue moves on.
-- KEYS  1 entry  2 outbox  3 floor  4 answer  5 waiting  6 journal  7 dead
-- ARGV  1 entry id  2 bot  3 verdict (dead|muted|expired|cancelled)  4 reason
-- Returns the next lane. The removal from the outbox is the token: a repeated call, or one after delivery, does nothing.
--#include keys
--#include lib
--#include floor
local id = ARGV[1]
if redis.call('LREM', KEYS[2], 0, id) == 0 then return '' end
if ARGV[3] == 'dead' then
  redis.call('HSET', KEYS[7], id, ARGV[4])
  redis.call('PEXPIRE', KEYS[7], 30 * DAY)
else
  redis.call('PEXPIRE', KEYS[1], HOUR)
end
redis.call('HSET', KEYS[4], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[4], 26 * HOUR)
journal(KEYS[6], ARGV[2], 'deliver', ARGV[3], ARGV[4])
local holder = floor_of(KEYS[3])
if holder and holder.entry == id then
  return free_floor(KEYS[3], KEYS[5])
end
if not holder then still_free(KEYS[3]) end
return ''
