-- Write one journal line.
-- KEYS  1 journal
-- ARGV  1 bot  2 step  3 verdict  4 reason  5 message, channel and bytes of the budget that it counts in ('' none)
--       6... name, value, name, value
--#include keys
--#include lib
--#include bytes
local numbers = {}
for i = 6, #ARGV, 2 do numbers[ARGV[i]] = tonumber(ARGV[i + 1]) or ARGV[i + 1] end
local bytes = journal(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], numbers)
local message, channel, most = string.match(ARGV[5], '^(%d+) (%d+) (%d+)$')
if message then leave_bytes(channel, message, bytes + 80, tonumber(most)) end
return 1
