-- Budgets: what a root and a day may still cause and cost.
--#include keys clock values

-- What a message goes back to. A human message is its own root; a bot's message without a known cause is exhausted.
local function root_of(message, author_kind)
  if author_kind == 'human' then return message, 0 end
  local cause = redis.call('HMGET', keys.cause(message), 'root', 'hops')
  return cause[1] or '', tonumber(cause[2]) or 0
end

-- Counts of a budget, nil where there is none. What was edited into nonsense counts as nothing: it is no reason to fail.
local function counts_of(key, ...)
  local found, counts = redis.pcall('HMGET', key, ...), {}
  if found.err then return counts end
  for place = 1, #found do
    counts[place] = whole(found[place])
  end
  return counts
end

-- Add to one count. A value that is no count is replaced, and so is a key that is no hash.
local function add_count(key, field, amount)
  local count = redis.pcall('HINCRBY', key, field, int(amount))
  if type(count) == 'number' and count >= 0 then return end
  local before = type(count) == 'table' and whole(redis.call('HGET', as_hash(key), field)) or 0
  redis.call('HSET', key, field, int(math.max(0, before + amount)))
end

-- What is about to be spent, or was. `limits` is the decoded table of limits.
local function cost_of(posts, tokens, micro_usd)
  return {posts = posts, tokens = tokens, micro_usd = micro_usd}
end

-- Why a root may cause nothing more, or nil. `owed`: an answer that a person asked for. What foreign bots said meanwhile takes
-- none of those. `held`: of what is booked on it, what counts as not spent.
local function root_spent(root, hops, limits, cost, owed, held)
  held = held or cost_of(0, 0, 0)
  if root == '' then return 'no known cause' end
  if hops >= limits.root_hops and hops > 0 then return 'hops ' .. hops .. ' of ' .. limits.root_hops end
  local spent = counts_of(keys.cause_root(root), 'posts', 'foreign', 'tokens', 'limit', 'micro_usd')
  if hops > 0 and not spent[1] and not spent[2] then return 'root forgotten' end
  local posts = (spent[1] or 0) - held.posts + (not owed and spent[2] or 0)
  local limit = spent[4] or limits.root_posts
  if cost.posts > 0 and posts >= limit then return 'posts ' .. posts .. ' of ' .. limit end
  local tokens = (spent[3] or 0) - held.tokens
  if tokens + cost.tokens > limits.root_tokens then return 'tokens ' .. tokens .. ' of ' .. limits.root_tokens end
  local money = (spent[5] or 0) - held.micro_usd
  if money + cost.micro_usd > limits.root_micro_usd then
    return 'micro-dollars ' .. money .. ' of ' .. limits.root_micro_usd
  end
  return nil
end

-- The same for an answer of this kind. Who names k bots is owed k answers, but no more than a root may cause and cost.
local function answer_spent(root, hops, kind, limits, cost, held)
  return root_spent(root, hops, limits, cost, hops == 0 and kind == 'direct', held)
end

-- The budgets that an answer is booked on: the bot's, everybody's, and where they are known the person's and the channel's.
local function budgets_of(bot, person, channel, limits)
  local budgets = {
    {scope = bot, posts = limits.daily_posts, tokens = limits.daily_tokens, micro_usd = limits.daily_micro_usd},
    {scope = 'all', posts = limits.daily_posts_all, tokens = limits.daily_tokens_all, micro_usd = limits.daily_micro_usd_all},
  }
  local function more(kind, id)
    if id == '' then return end
    budgets[#budgets + 1] = {scope = kind .. ':' .. id, posts = math.huge, tokens = limits[kind .. '_tokens'],
      micro_usd = limits[kind .. '_micro_usd']}
  end
  more('person', person)
  more('channel', channel)
  return budgets
end

-- Why nothing more may be spent of these on a day, or nil.
local function budgets_spent(budgets, cost, day)
  for _, budget in ipairs(budgets) do
    local spent = counts_of(keys.budget(budget.scope, day), 'posts', 'tokens', 'micro_usd')
    if cost.posts > 0 and (spent[1] or 0) >= budget.posts then return 'daily posts of ' .. budget.scope end
    if (spent[2] or 0) + cost.tokens > budget.tokens then return 'daily tokens of ' .. budget.scope end
    if (spent[3] or 0) + cost.micro_usd > budget.micro_usd then return 'daily money of ' .. budget.scope end
  end
  return nil
end

-- The same for the bot and all bots, today.
local function day_spent(bot, limits, cost)
  return budgets_spent(budgets_of(bot, '', '', limits), cost, epoch_day())
end

-- Gateways read what has changed, to write it again should Redis be emptied.
local function note_changes(scopes, day)
  local key, changes = keys.budgets_changed(day), {}
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', key) end
  for _, scope in ipairs(scopes) do
    changes[#changes + 1] = int(now)
    changes[#changes + 1] = scope
  end
  redis.call('ZADD', key, unpack(changes))
  redis.call('PEXPIRE', key, BUDGET_TTL)
end

local COUNTS = {'posts', 'tokens', 'micro_usd'}

-- Add to these budgets of a day and to a root's.
local function book(budgets, root, cost, day)
  local scopes = {}
  for _, budget in ipairs(budgets) do
    local key = keys.budget(budget.scope, day)
    for _, count in ipairs(COUNTS) do add_count(key, count, cost[count]) end
    redis.call('PEXPIRE', key, BUDGET_TTL)
    scopes[#scopes + 1] = budget.scope
  end
  note_changes(scopes, day)
  local key = keys.cause_root(root)
  for _, count in ipairs(COUNTS) do add_count(key, count, cost[count]) end
  redis.call('PEXPIRE', key, CAUSE_TTL)
end
