-- Write one journal line.
-- KEYS  1 journal   ARGV  1 bot  2 step  3 verdict  4 reason  5... name, value, name, value
--#include keys
--#include lib
local numbers = {}
for i = 5, #ARGV, 2 do numbers[ARGV[i]] = tonumber(ARGV[i + 1]) or ARGV[i + 1] end
journal(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], numbers)
return 1
