-- A bot takes part in a conversation: it has ended when nothing was added for a while. Returns 1.
--#include keys clock values
redis.call('ZADD', keys.conversations_due, int(now + ends_in_ms), pair)
redis.call('PEXPIRE', keys.conversations_due, CONVERSATIONS_TTL)
return 1
