-- Store one field of a hash that expires a while after its last write. Returns 1.
redis.call('HSET', hash, field, value)
redis.call('PEXPIRE', hash, expiry_ms)
return 1
