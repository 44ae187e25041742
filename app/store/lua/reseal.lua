-- Replace a bot's sealed secrets by the same ones under another key, unless its gateway has published meanwhile.
-- KEYS  1 vault secrets   ARGV  1 as they were read  2 sealed anew
-- Returns 1, or 0 when they had changed. The expiry stays.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
