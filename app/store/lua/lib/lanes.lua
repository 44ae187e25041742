-- Lanes: when they are due, and why.
--#include keys clock values

-- Record a trigger for a lane, due at `due`; of several the earliest stands. The sequence never repeats, so a cycle that
-- compares it can tell that something came since it began.
-- `full`: from then on a cycle must read the whole inbox, not only what was granted to it.
-- A poll is kept apart (`poll`): other wakes come before it, and it is a poll all the same when its time has come.
local function wake_lane(lane, context, due, full)
  local key = keys.wake(lane)
  local seq = math.max((tonumber(redis.call('HGET', key, 'seq')) or 0) + 1, now_us)
  local poll = context == 'poll'
  -- A poll that is to come is no news for the cycle that runs now.
  if not poll or due <= now then redis.call('HSET', key, 'seq', int(seq)) end
  if not poll then redis.call('HSET', key, 'context', context) end
  local mark = poll and 'poll' or full and 'full'
  if mark then redis.call('HSET', key, mark, int(math.min(due, tonumber(redis.call('HGET', key, mark)) or due))) end
  -- A lane that is overdue keeps the time of its last hint: wakes that come faster than the pump's patience must not keep
  -- the pump from repeating a hint that was lost.
  local earlier = tonumber(redis.call('ZSCORE', keys.wakes_due, lane) or nil)
  if not earlier or earlier > now then redis.call('HSET', key, 'hinted', int(now), 'hints', 0) end
  redis.call('ZADD', keys.wakes_due, 'LT', int(due), lane)
end

-- How long until a bot may act unasked again, in ms; nil: now.
local function cooled(bot)
  local left = redis.call('PTTL', keys.cooldown(bot))
  return left > 0 and left or nil
end
