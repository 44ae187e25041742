-- What a bot decides again and again is one line of the journal. Scripts of workers alone: no gateway may read a journal.
--#include journal

-- The steps that a bot repeats while it waits, or lacks something that an operator must give.
local REPEATED = {plan = true, claim = true, reserve = true, yield = true, vault = true}

-- A late line of the same bot with the same outcome, with its place in the list; nil where something else came between.
local function find_same(key, bot, step, verdict, reason)
  if not REPEATED[step] then return nil end
  local latest = redis.call('LRANGE', key, -32, -1)
  for i = #latest, 1, -1 do
    local read, line = pcall(cjson.decode, latest[i])
    if not read or type(line) ~= 'table' then return nil end
    if line.bot == bot or line.bot == 'stream' then
      if not REPEATED[line.step] then return nil end
      if line.step == step and line.verdict == verdict and line.reason == reason then return line, i - #latest - 1 end
    end
  end
end

-- Write one line about a decision. What a bot repeats while it waits is one line with a count: `at_ms` is the first time,
-- `last_ms` the latest.
local function record_repeat(key, bot, step, verdict, reason, numbers)
  local same, place = find_same(key, bot, step, verdict, reason or '')
  if not same then
    record(key, bot, step, verdict, reason, numbers)
    return
  end
  same.times, same.last_ms = (tonumber(same.times) or 1) + 1, now
  if numbers and next(numbers) then same.numbers = numbers end
  redis.call('LSET', key, place, cjson.encode(same))
  redis.call('PEXPIRE', key, JOURNAL_TTL)
end
