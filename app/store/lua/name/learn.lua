-- Keep what people, channels and roles of a server are called.
-- `dropped`: ids; `learned`: id, name, id, name, ... Returns 1
for _, id in ipairs(dropped) do redis.call('HDEL', names, id) end
for i = 1, #learned, 2 do redis.call('HSET', names, learned[i], learned[i + 1]) end
redis.call('PEXPIRE', names, NAMES_TTL)
return 1
