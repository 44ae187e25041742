-- May this chunk be sent now? Asked before each POST, also before those that discord.py repeats by itself.
-- `take`: asked along with the commit of the entry, before anybody holds the lease. If nobody does and the entry is the head of its
-- queue, the lease comes with the permission; a refusal takes none.
-- Returns {verdict, attempt, first unknown attempt in ms by Discord's clock, wait ms before reading back}
--#include mutes discord
local holder = redis.call('GET', delivery)
local free = take and not holder and redis.call('LINDEX', outbox, 0) == entry_id
if holder ~= owner and not free then return {'lost_lease', 0, 0, 0} end
redis.call('PEXPIRE', delivery, lease_ms)
local e = redis.call('HMGET', entry, 'body', 'chunk:' .. chunk, 'deliver_by', 'first:' .. chunk, 'last:' .. chunk, 'bot',
  'root', 'hops')
if not e[1] or e[2] then return {'done', 0, 0, 0} end
if redis.call('EXISTS', keys.deleted(message)) == 1 then return {'cancelled', 0, 0, 0} end
local muted = muted_by(mute_scopes)
if muted then return {'muted', 0, 0, 0} end
local first, last = tonumber(e[4] or nil), tonumber(e[5] or nil)
local deliver_by = tonumber(e[3] or nil)
-- Once a chunk may have arrived it is carried through: an answer cut in half is worse than a late one.
local absent = not first or looked
if deliver_by and deliver_by < now and absent and chunk == 0 then return {'expired', 0, 0, 0} end
-- A POST may reach Discord as late as its timeout: by then the nonce must still be remembered.
if not absent and now + timeout_ms - first >= nonce_window_ms then
  return {'read_back', 0, first + discord_ahead, math.max(0, last + timeout_ms - now)}
end
if free then redis.call('SET', delivery, owner, 'PX', lease_ms) end
if absent then
  redis.call('HSET', entry, 'first:' .. chunk, int(now), 'tries:' .. chunk, 0)
end
redis.call('HSET', entry, 'last:' .. chunk, int(now))
-- It may arrive as late as that, and nobody may ever learn when: until its delivery is known, its quiet time begins then.
redis.call('ZADD', recent_posts, 'XX', 'GT', int(now + timeout_ms), e[6] .. ':' .. entry_id)
local attempts = redis.call('HINCRBY', entry, 'tries:' .. chunk, 1)
redis.call('HSET', cause_in_flight, 'root', e[7] or '', 'hops', e[8] or 0, 'entry', entry_id, 'chunk', chunk,
  'nonce', nonce)
redis.call('PEXPIRE', cause_in_flight, CAUSE_TTL)
redis.call('ZREMRANGEBYSCORE', keys.deliveries_in_flight, '-inf', int(now))
redis.call('ZADD', keys.deliveries_in_flight, int(now + timeout_ms), entry_id .. ':' .. chunk)
redis.call('PEXPIRE', keys.deliveries_in_flight, IN_FLIGHT_TTL)
return {'send', attempts, (absent and now or first) + discord_ahead, 0}
