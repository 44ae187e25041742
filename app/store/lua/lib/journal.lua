-- The journal: each decision about a message, under its id.
--#include clock

-- Write one line about a decision: `key` is the journal of a message. Returns its bytes.
local function record(key, bot, step, verdict, reason, numbers)
  local line = {at_ms = now, bot = bot, step = step, verdict = verdict, reason = reason or ''}
  if numbers and next(numbers) then line.numbers = numbers end
  local text = cjson.encode(line)
  redis.call('RPUSH', key, text)
  redis.call('LTRIM', key, -500, -1)
  redis.call('PEXPIRE', key, JOURNAL_TTL)
  return #text
end
