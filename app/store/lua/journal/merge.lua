-- Write one journal line, or count it in the line that says the same. `details`: name, value, name, value, ... Returns 1.
--#include repeats
local numbers = {}
for i = 1, #details, 2 do numbers[details[i]] = tonumber(details[i + 1]) or details[i + 1] end
record_repeat(journal, bot, step, verdict, reason, numbers)
return 1
