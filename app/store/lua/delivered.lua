-- A chunk is in Discord: by the answer to the POST, by a read-back, or by the gateway's own MESSAGE_CREATE with our nonce.
-- KEYS  1 entry  2 outbox  3 floor  4 answer  5 waiting  6 journal  7 deliveries:due  8 deliveries:in_flight  9 bot's journal
--       10 recent_bot_posts  11 refusals
-- ARGV  1 entry id  2 chunk  3 message id ('' a reaction)  4 chunks  5 how (post|read_back|receipt)  6 line for the bot's journal
--       7... kinds of refusal that this disproves
-- Returns {1 when the entry is complete, next lane}
--#include keys
--#include lib
--#include floor
local id, chunk = ARGV[1], ARGV[2]
local e = redis.call('HMGET', KEYS[1], 'body', 'bot', 'channel', 'root', 'hops', 'committed_at')
if not e[1] then return {1, ''} end
redis.call('ZREM', KEYS[8], id .. ':' .. chunk)
if redis.call('HSETNX', KEYS[1], 'chunk:' .. chunk, ARGV[3]) == 0 then
  return {redis.call('HEXISTS', KEYS[1], 'delivered_at'), ''}
end
if ARGV[3] ~= '' then
  redis.call('HSET', keys.cause(ARGV[3]), 'root', e[4] or '', 'hops', e[5] or 0, 'by', id .. ':' .. chunk)
  redis.call('PEXPIRE', keys.cause(ARGV[3]), 2 * DAY)
end
for i = 7, #ARGV do redis.pcall('HDEL', KEYS[11], ARGV[i]) end
local done = redis.call('HINCRBY', KEYS[1], 'done', 1)
if done < tonumber(ARGV[4]) then
  redis.call('HDEL', KEYS[1], 'failing', 'failures')  -- the next chunk has a patience of its own
  return {0, ''}
end
redis.call('HSET', KEYS[1], 'delivered_at', int(now))
redis.call('PEXPIRE', KEYS[1], HOUR)
redis.call('LREM', KEYS[2], 0, id)
-- People see a post now: its quiet time counts anew. Reactions are not on the list.
redis.call('ZADD', KEYS[10], 'XX', 'GT', int(now), e[2] .. ':' .. id)
redis.call('HSET', KEYS[4], e[2], 'delivered:' .. ARGV[3])
redis.call('PEXPIRE', KEYS[4], 26 * HOUR)
if ARGV[6] ~= '' then
  redis.call('RPUSH', KEYS[9], ARGV[6])
  redis.call('PEXPIRE', KEYS[9], 7 * DAY)
end
journal(KEYS[6], e[2], 'deliver', 'delivered', ARGV[5], {message = ARGV[3], after_ms = now - (tonumber(e[6]) or now)})
local next_lane = ''
local holder = floor_of(KEYS[3])
if holder and holder.entry == id then
  next_lane = free_floor(KEYS[3], KEYS[5])
elseif not holder then
  still_free(KEYS[3])
end
return {1, next_lane}
