-- Holds: what a call of a model may cost is booked before it is made, and corrected when its cost is known. Of a worker that
-- dies the hold stays booked: its call may have been paid for, and a cycle that only seemed dead may yet commit.
--#include budgets
local OVERRUN = 100

-- Elections pass over a bot whose day is spent.
local function mark_spent(bot, limits, day)
  if budgets_spent(budgets_of(bot, '', '', limits), cost_of(1, 0, 0), day) then
    redis.call('HSET', as_hash(keys.budget(bot, day)), 'spent', 1)
  else
    redis.call('HDEL', as_hash(keys.budget(bot, day)), 'spent')
  end
end

-- Whose money a root's is: the person who wrote it. A bot's answer to a bot counts for the person who began.
local function person_of(root, author_kind, author)
  if root == '' then return '' end
  if author_kind == 'human' then return author end
  return field_of(keys.cause_root(root), 'person') or ''
end

-- Calls of other holds that run and draw on a budget, each with what it may take beyond its hold.
local function running_calls(scope, id)
  local key, running = keys.calls(scope), {}
  local found = redis.pcall('HGETALL', key)
  if found.err then redis.call('DEL', key) end
  for place = 1, #found, 2 do
    local ends, excess = string.match(found[place + 1], '^(%d+) (%d+)$')
    if not ends or tonumber(ends) <= now then
      redis.call('HDEL', key, found[place])
    elseif found[place] ~= id then
      running[#running + 1] = {id = found[place], excess = tonumber(excess)}
    end
  end
  return running
end

-- What is held in all for calls of others that run and draw on a budget: those of one day, or of one root. For a `later` call of
-- a draft those that wait themselves are left out: two that waited for each other with a part held would wait for ever.
local function held_meanwhile(scope, id, field, value, later)
  local sum = cost_of(0, 0, 0)
  for _, call in ipairs(running_calls(scope, id)) do
    local key = keys.hold(call.id)
    local held = redis.call('HMGET', key, field, 'waits')
    if held[1] == value and not (later and held[2]) then
      local amounts = counts_of(key, unpack(COUNTS))
      for place, count in ipairs(COUNTS) do sum[count] = sum[count] + (amounts[place] or 0) end
    end
  end
  return sum
end

-- Would these budgets have room if the calls that run took nothing of what is held for them?
local function may_fit(budgets, id, cost, day, later)
  local eased = {}
  for place, budget in ipairs(budgets) do
    local held = held_meanwhile(budget.scope, id, 'day', day, later)
    eased[place] = {scope = budget.scope, posts = budget.posts + held.posts, tokens = budget.tokens + held.tokens,
      micro_usd = budget.micro_usd + held.micro_usd}
  end
  return not budgets_spent(eased, cost, day)
end

-- Does a call of another run on this budget that does not wait itself?
local function another_goes_on(scope, id)
  for _, call in ipairs(running_calls(scope, id)) do
    if redis.call('HEXISTS', keys.hold(call.id), 'waits') == 0 then return true end
  end
  return false
end

-- Would more than one of the calls that run now pass a day's money, took each OVERRUN times what is held for it?
local function crowded(budgets, id, own, cost, day)
  for _, budget in ipairs(budgets) do
    local running, sum, largest = running_calls(budget.scope, id), own, own
    for _, call in ipairs(running) do
      sum, largest = sum + call.excess, math.max(largest, call.excess)
    end
    local spent = counts_of(keys.budget(budget.scope, day), 'micro_usd')[1] or 0
    if #running > 0 and spent + cost.micro_usd + sum - largest > budget.micro_usd then return budget.scope end
  end
  return nil
end

-- Hold `cost` under `id`, beside what is held there already. `spent` may name another reason against it, given what of its root
-- is held for calls that run.
-- Returns {verdict, reason}: ok | budget | wait (others' calls must end first)
local function take_hold(id, bot, root, person, channel, limits, cost, spent)
  local key = keys.hold(id)
  local before = redis.call('HMGET', key, 'day', 'micro_usd')
  local day = before[1] or epoch_day()
  -- One draft is one post, however many calls it takes.
  if before[1] then cost.posts = 0 end
  local budgets, later = budgets_of(bot, person, channel, limits), before[1] and true or false
  local function refuse(waits, why)
    if later and waits then redis.call('HSET', key, 'waits', 1) else redis.call('HDEL', key, 'waits') end
    return {waits and 'wait' or 'budget', why}
  end
  local why = spent(cost, cost_of(0, 0, 0)) or budgets_spent(budgets, cost, day)
  if why then
    local held = held_meanwhile('all', id, 'root', root, later)
    return refuse(not spent(cost, held) and may_fit(budgets, id, cost, day, later), why)
  end
  local excess = (OVERRUN - 1) * ((tonumber(before[2] or nil) or 0) + cost.micro_usd)
  local full = excess > 0 and crowded(budgets, id, excess, cost, day)
  if full then return refuse(not later or another_goes_on(full, id), 'money of ' .. full .. ' for calls that run') end
  redis.call('HDEL', key, 'waits')
  book(budgets, root, cost, day)
  redis.call('HSET', key, 'day', day, 'bot', bot, 'root', root, 'person', person, 'channel', channel)
  for _, count in ipairs(COUNTS) do add_count(key, count, cost[count]) end
  redis.call('PEXPIRE', key, HOLD_TTL)
  if person ~= '' then redis.call('HSETNX', keys.cause_root(root), 'person', person) end
  -- Words that cost nothing are said at once: nobody has to wait for their end.
  for _, budget in ipairs(excess + cost.tokens > 0 and budgets or {}) do
    redis.call('HSET', keys.calls(budget.scope), id, int(now + limits.call_ms) .. ' ' .. int(excess))
    redis.call('PEXPIRE', keys.calls(budget.scope), CALLS_TTL)
  end
  return {'ok', ''}
end

-- Correct the books from what was held to what it cost. False: nothing is held under this id.
local function settle(id, limits, cost)
  local key = keys.hold(id)
  local held = redis.call('HMGET', key, 'day', 'bot', 'root', 'person', 'channel')
  if not held[1] then return false end
  local amounts = counts_of(key, unpack(COUNTS))
  local budgets = budgets_of(held[2], held[4], held[5], limits)
  local rest = cost_of(cost.posts - (amounts[1] or 0), cost.tokens - (amounts[2] or 0), cost.micro_usd - (amounts[3] or 0))
  book(budgets, held[3], rest, held[1])
  mark_spent(held[2], limits, held[1])
  for _, budget in ipairs(budgets) do redis.call('HDEL', keys.calls(budget.scope), id) end
  redis.call('DEL', key)
  return true
end
