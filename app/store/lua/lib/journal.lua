-- The journal: each decision about a message, under its id.
--#include clock

-- One line about a decision, as text.
local function line_about(bot, step, verdict, reason, numbers)
  local line = {at_ms = now, bot = bot, step = step, verdict = verdict, reason = reason or ''}
  if numbers and next(numbers) then line.numbers = numbers end
  return cjson.encode(line)
end

-- Write lines into `key`, the journal of a message.
local function append_lines(key, lines)
  local length = redis.call('RPUSH', key, unpack(lines))
  if length > 500 then redis.call('LTRIM', key, -500, -1) end
  redis.call('PEXPIRE', key, JOURNAL_TTL)
end

-- Write one line about a decision. Returns the bytes that were added.
local function record(key, bot, step, verdict, reason, numbers)
  local line = line_about(bot, step, verdict, reason, numbers)
  append_lines(key, {line})
  return #line
end
