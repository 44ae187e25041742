-- Fairness between people: whose turn it is in a channel, and how much of a bot's day one person may use.
--#include budgets turns

-- Why a bot answers a person no more today, or nil. A small day is shared too, but everybody gets the few answers that
-- somebody quiet would get.
local function share_spent(bot, person, limits, weight)
  local used = whole(field_of(keys.shares(bot, epoch_day()), person)) or 0
  local share = math.max(limits.quiet_posts, math.floor(limits.daily_posts * limits.person_share / weight))
  if used >= share then return used .. ' answers today, one person may have ' .. share end
  local posts = whole(field_of(keys.budget(bot, epoch_day()), 'posts')) or 0
  if posts >= limits.daily_posts * (1 - limits.quiet_reserve) and used >= limits.quiet_posts then
    return 'the rest of the day is for people who had fewer than ' .. limits.quiet_posts .. ' answers'
  end
  return nil
end

local function count_share(bot, person)
  local key = keys.shares(bot, epoch_day())
  add_count(key, person, 1)
  redis.call('PEXPIRE', key, SHARES_TTL)
  note_changes({bot .. ':shares'}, epoch_day())
end

-- Whether a person is told for the first time today that a limit is reached.
local function first_told(bot, person)
  local key = as_hash(keys.shares(bot, epoch_day()))
  local first = redis.call('HSETNX', key, 'told:' .. person, 1) == 1
  redis.call('PEXPIRE', key, SHARES_TTL)
  return first
end
