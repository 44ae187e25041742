-- Write all parts of one bot's vault together, so that a worker never mixes an old part with a new one.
-- `parts`: key, content, key, content, ... These keys are no KEYS: who may write a vault and not read it (docker/users.acl) may not
-- name it there, as KEYS ask for both. Returns 1.
for i = 1, #parts, 2 do redis.call('SET', parts[i], parts[i + 1], 'PX', VAULT_TTL) end
return 1
