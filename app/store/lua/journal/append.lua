-- Write one journal line. `message`, `channel` and `most_bytes`: the budget that it counts in, if any. `details`: name, value, name, value, ... Returns 1.
--#include journal bytes
local numbers = {}
for i = 1, #details, 2 do numbers[details[i]] = tonumber(details[i + 1]) or details[i + 1] end
local bytes = record(journal, bot, step, verdict, reason, numbers)
if channel then leave_bytes(channel, message, bytes + 80, most_bytes) end
return 1
