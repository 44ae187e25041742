-- What becomes of a draft once every check is done: it is paid for, and goes into the outbox.
--#include holds floor

-- What was held is settled. Where nothing was, the books are as if it had been.
local function pay_draft(hold, bot, root, limits, budgets, cost)
  if settle(hold, limits, cost) or cost.posts + cost.tokens + cost.micro_usd == 0 then return end
  book(budgets, root, cost, epoch_day())
  mark_spent(bot, limits, epoch_day())
end

-- The channel's latest post is this one.
local function note_post(recent_posts, bot, outbox_id)
  redis.call('ZADD', recent_posts, int(now), bot .. ':' .. outbox_id)
  redis.call('ZREMRANGEBYRANK', recent_posts, 0, -21)
  redis.call('PEXPIRE', recent_posts, QUIET_TTL)
end

-- Due at once, in the order of its channel; until it is delivered it holds the floor. `post` has the fields of the entry.
local function put_into_outbox(outbox, entry, floor, outbox_id, undelivered_ms, post)
  redis.call('HSET', entry, 'body', post.body, 'bot', post.bot, 'channel', post.channel, 'message', post.message,
    'root', post.root, 'hops', post.hops, 'committed_at', int(now), 'deliver_by', post.deliver_by)
  redis.call('PEXPIRE', entry, OUTBOX_TTL)
  redis.call('RPUSH', outbox, outbox_id)
  redis.call('PEXPIRE', outbox, OUTBOX_TTL)
  redis.call('ZADD', keys.deliveries_due, 'LT', int(now), post.bot .. ':' .. post.channel)
  redis.call('HSET', floor, 'entry', outbox_id, 'until', int(now + undelivered_ms))
  redis.call('PEXPIRE', floor, FLOOR_TTL)
end

-- What a dry run would have said is stored for `why`. It expires as a delivered post does.
local function keep_unsaid(entry, post)
  redis.call('HSET', entry, 'body', post.body, 'bot', post.bot, 'channel', post.channel, 'message', post.message)
  redis.call('PEXPIRE', entry, DELIVERED_TTL)
end
