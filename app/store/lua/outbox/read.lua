-- An outbox entry. What is no hash is another program's key in its place: no entry, not an error for ever at the queue's head.
-- Returns {body, root, hops, message, refusals that are remembered: {kind, reason, ...}}, or nothing
--#include keys refusals
if redis.call('TYPE', entry).ok ~= 'hash' then return {} end
local e = redis.call('HMGET', entry, 'body', 'root', 'hops', 'message', 'bot', 'channel')
local known = e[5] and e[6] and barred(keys.refusals(e[5], e[6])) or {}
return {e[1], e[2], e[3], e[4], known}
