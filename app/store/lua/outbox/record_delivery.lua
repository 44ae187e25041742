-- A chunk is in Discord: by the answer to the POST, by a read-back, or by the gateway's own MESSAGE_CREATE with our nonce.
-- `message`: '' for a reaction; `line`: for the bot's own journal; `disproved`: kinds of refusal that this speaks against.
-- Returns {1 when the entry is complete, next bot, next election}
--#include journal floor
local e = redis.call('HMGET', entry, 'body', 'bot', 'channel', 'root', 'hops', 'committed_at', 'message')
if not e[1] then return {1, '', ''} end
redis.call('ZREM', keys.deliveries_in_flight, entry_id .. ':' .. chunk)
if redis.call('HSETNX', entry, 'chunk:' .. chunk, message) == 0 then
  return {redis.call('HEXISTS', entry, 'delivered_at'), '', ''}
end
if message ~= '' then
  redis.call('HSET', keys.cause(message), 'root', e[4] or '', 'hops', e[5] or 0, 'by', entry_id .. ':' .. chunk,
    'answers', e[7] or '')
  redis.call('PEXPIRE', keys.cause(message), CAUSE_TTL)
end
-- pcall: another program's key in its place is no reason to fail.
for _, kind in ipairs(disproved) do redis.pcall('HDEL', refusals, kind) end
local done = redis.call('HINCRBY', entry, 'done', 1)
if done < chunks then
  redis.call('HDEL', entry, 'failing', 'failures')  -- the next chunk has a patience of its own
  return {0, '', ''}
end
redis.call('HSET', entry, 'delivered_at', int(now))
redis.call('PEXPIRE', entry, DELIVERED_TTL)
redis.call('LREM', outbox, 0, entry_id)
-- People see a post now: its quiet time begins. Reactions are not on the list.
redis.call('ZADD', recent_posts, 'XX', int(now), e[2] .. ':' .. entry_id)
redis.call('HSET', answer, e[2], 'delivered:' .. message)
redis.call('PEXPIRE', answer, ANSWER_TTL)
redis.call('RPUSH', journal_of_bot, line)
redis.call('PEXPIRE', journal_of_bot, JOURNAL_TTL)
record(journal, e[2], 'deliver', 'delivered', how, {message = message, after_ms = now - (tonumber(e[6]) or now)})
local holder = floor_of(floor)
if holder and holder.entry == entry_id then
  free_floor(floor)
  if holder.kind == 'direct' then let_go(e[3], e[2]) end
end
return {1, pass_on(floor, e[3], e[7] or '')}
