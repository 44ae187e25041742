-- Discord's clock: by it ids tell when something was written. Gateways measure how far it is ahead of Redis's.
--#include keys clock values
local EPOCH = 1420070400000
local stored_ahead = redis.pcall('GET', keys.discord_ahead)
local discord_ahead = type(stored_ahead) == 'string' and tonumber(string.match(stored_ahead, '^-?%d+$')) or 0

-- When a message was written, by Redis's clock.
local function written_ms(id)
  -- A double cannot hold a snowflake exactly; what is lost is far below a millisecond.
  return id and math.floor(tonumber(id) / 4194304) + EPOCH - discord_ahead or 0
end
