-- Turns: in which order the people of a channel are answered.
--#include keys values
-- Field of `turns`: the turn that is served now. No person's id looks like it.
local SERVED = '#now'

local function served_turn(channel) return whole(field_of(keys.turns(channel), SERVED)) or 0 end

-- Set once: the hour ends, however many go on writing.
local function end_turns(key)
  if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, TURNS_TTL) end
end

-- The turn in which a direct message is answered: after its author's last one, and after the turn that is served now, a
-- newcomer's `weight` turns later. Who begins now begins where the channel is: at the first turn again and again, newcomers would
-- come before those who wait, for ever.
local function next_turn(channel, author, weight)
  local key, served = as_hash(keys.turns(channel)), served_turn(channel)
  local turn = math.max(whole(redis.call('HGET', key, author)) or 0, served) + weight
  if redis.call('HLEN', key) > 2000 then
    redis.call('DEL', key)
    redis.call('HSET', key, SERVED, int(served))
  end
  redis.call('HSET', key, author, int(turn))
  end_turns(key)
  return turn
end

-- A message has the floor: its turn is served.
local function serve_turn(channel, message)
  local turn = whole(redis.call('HGET', keys.election(message), 'turn'))
  if not turn or turn <= served_turn(channel) then return end
  local key = as_hash(keys.turns(channel))
  redis.call('HSET', key, SERVED, int(turn))
  end_turns(key)
end
