-- Wake a lane outside admission: the safety poll, or a repair.
-- KEYS  1 wake:<lane> (named for the contract)   ARGV  1 lane  2 context  3 in ms
--#include keys
--#include lib
wake(ARGV[1], ARGV[2], now + tonumber(ARGV[3]), true)
return 1
