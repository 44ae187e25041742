-- Replace a bot's sealed secrets by the same ones under another key, unless its gateway has published meanwhile.
-- Returns 1, or 0 when they had changed. The expiry stays.
if redis.call('GET', secrets) ~= before then return 0 end
redis.call('SET', secrets, after, 'KEEPTTL')
return 1
