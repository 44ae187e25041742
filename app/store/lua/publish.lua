-- Write all parts of one bot's vault together, so that a worker never mixes an old part with a new one.
-- KEYS  none: who may write a vault and not read it (docker/users.acl) may not name it there, as KEYS ask for both.
-- ARGV  1 expiry ms  2... key, content, key, content, ...
for i = 2, #ARGV, 2 do redis.call('SET', ARGV[i], ARGV[i + 1], 'PX', ARGV[1]) end
return 1
