-- Write shares again after Redis was emptied; what was noted since stands.
-- `shares`: channel:person, share, ... Returns how many were written
local written = 0
for i = 1, #shares, 2 do written = written + redis.call('HSETNX', reception, shares[i], shares[i + 1]) end
redis.call('PEXPIRE', reception, PERSON_TTL)
return written
