-- Redis's clock: processes' clocks are never trusted.
local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(now_us / 1000)

-- Today as its number since 1970 in UTC: budgets are kept by it.
local function epoch_day() return string.format('%.0f', math.floor(now / DAY)) end
