-- Write all parts of one bot's vault together, so that a worker never mixes an old part with a new one.
-- KEYS  1..4 vault parts   ARGV  1 expiry ms  2..5 contents
for i = 1, 4 do redis.call('SET', KEYS[i], ARGV[i + 1], 'PX', ARGV[1]) end
return 1
