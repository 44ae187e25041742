-- An outbox entry. What is no hash is another program's key in its place: no entry, not an error for ever at the queue's head.
-- KEYS  1 entry
-- Returns {body, root, hops, message}, or nothing
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return {} end
return redis.call('HMGET', KEYS[1], 'body', 'root', 'hops', 'message')
