-- What a message goes back to. A human message is its own root; a bot's message without a known cause is exhausted.
local function root_of(message, author_kind)
  if author_kind == 'human' then return message, 0 end
  local cause = redis.call('HMGET', keys.cause(message), 'root', 'hops')
  return cause[1] or '', tonumber(cause[2]) or 0
end

-- Why a root may cause nothing more, or nil. `limits` is the decoded table of limits; `tokens` is what it is about to spend.
local function root_spent(root, hops, limits, tokens)
  if root == '' then return 'no known cause' end
  if hops >= limits.root_hops and hops > 0 then return 'hops ' .. hops .. ' of ' .. limits.root_hops end
  local spent = redis.call('HMGET', keys.cause_root(root), 'posts', 'foreign', 'tokens', 'limit')
  if hops > 0 and not spent[1] and not spent[2] then return 'root forgotten' end
  local posts = (tonumber(spent[1]) or 0) + (tonumber(spent[2]) or 0)
  local limit = tonumber(spent[4]) or limits.root_posts
  if posts >= limit then return 'posts ' .. posts .. ' of ' .. limit end
  local before = tonumber(spent[3]) or 0
  if before + tokens > limits.root_tokens then return 'tokens ' .. before .. ' of ' .. limits.root_tokens end
  return nil
end

-- Why a bot may spend nothing more today, or nil; `tokens` and `micro_usd` are what it is about to spend.
local function day_spent(bot, limits, tokens, micro_usd)
  for _, scope in ipairs({bot, 'all'}) do
    local suffix = scope == 'all' and '_all' or ''
    local spent = redis.call('HMGET', keys.budget(scope, today()), 'posts', 'tokens', 'micro_usd')
    if (tonumber(spent[1]) or 0) >= limits['daily_posts' .. suffix] then return 'daily posts of ' .. scope end
    if (tonumber(spent[2]) or 0) + tokens > limits['daily_tokens' .. suffix] then return 'daily tokens of ' .. scope end
    if (tonumber(spent[3]) or 0) + micro_usd > limits['daily_micro_usd' .. suffix] then return 'daily money of ' .. scope end
  end
  return nil
end

local function spend(bot, root, posts, tokens, micro_usd)
  for _, scope in ipairs({bot, 'all'}) do
    local key = keys.budget(scope, today())
    redis.call('HINCRBY', key, 'posts', posts)
    redis.call('HINCRBY', key, 'tokens', tokens)
    redis.call('HINCRBY', key, 'micro_usd', micro_usd)
    redis.call('PEXPIRE', key, 3 * DAY)
  end
  local key = keys.cause_root(root)
  redis.call('HINCRBY', key, 'posts', posts)
  redis.call('HINCRBY', key, 'tokens', tokens)
  redis.call('PEXPIRE', key, 2 * DAY)
end
