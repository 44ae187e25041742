-- What became of an event for each bot that heard it: a hash with a field for each bot, 'verdict due id request'.

local function outcome_text(word, due_in, id, request) return table.concat({word, due_in, id, request}, ' ') end

-- The verdict, the ms until it is due, the entry of the inbox and the request, as texts; nil for who has not heard it.
local function outcome_of(text)
  if not text then return nil end
  return string.match(text, '^(%S*) (%S*) (%S*) (.*)$')
end
