-- People: whom a bot knows facts about.
--#include clock values

-- Whom a bot knows facts about: person to `<Unix ms of the last fact> <bytes of all>`. Above the most people, or the most bytes,
-- those of whom it has heard nothing for longest are forgotten. `part` is the memory of this person.
local function keep_people(key, part, person, bytes, expiry, most, most_bytes)
  redis.call('HSET', as_hash(key), person, int(now) .. ' ' .. int(bytes))
  redis.call('PEXPIRE', key, expiry)
  local flat, known, sum = redis.call('HGETALL', key), {}, 0
  for place = 1, #flat, 2 do
    local at, held = string.match(flat[place + 1], '^(%d+) (%d+)$')
    at, held = tonumber(at) or 0, tonumber(held) or 0
    if flat[place] ~= person and at + expiry <= now then
      redis.call('HDEL', key, flat[place])
    else
      known[#known + 1] = {person = flat[place], at = at, bytes = held}
      sum = sum + held
    end
  end
  if #known <= most and sum <= most_bytes then return end
  table.sort(known, function(a, b) return a.at < b.at end)
  local left = #known
  for _, one in ipairs(known) do
    if left <= most and sum <= most_bytes then return end
    if one.person ~= person then
      redis.call('HDEL', key, one.person)
      redis.call('DEL', string.sub(part, 1, #part - #person) .. one.person)
      left, sum = left - 1, sum - one.bytes
    end
  end
end
