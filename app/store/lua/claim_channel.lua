-- Ask for a channel's floor for a post that answers nobody. Only the holder of the bot's own lane may.
-- KEYS  1 lock  2 floor  3 recent_bot_posts  4 last_human  5 cursor  6 cooldown (named for the contract)  7 answer
-- ARGV  1 lock owner  2 bot  3 channel  4 entry id  5 lease ms  6 quiet ms  7 opening (1: only into a quiet, answered room)
--       8 limits JSON  9 scopes of a mute
-- Returns {verdict, token, retry in ms}
--#include keys
--#include lib
--#include cause
--#include floor
--#include opening
local bot, entry = ARGV[2], ARGV[4]
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'lost_lock', '', 0} end
if muted_by() then return {'muted', '', 0} end
if redis.call('EXISTS', KEYS[7]) == 1 then return {'answered', '', 0} end
if day_spent(bot, cjson.decode(ARGV[8]), cost_of(1, 0, 0)) then return {'budget', '', 0} end
local holder, previous = floor_of(KEYS[2])
if holder and not holder.entry and holder.bot == bot and holder.message == entry then return {'granted', holder.token, 0} end
if holder then return {'wait', '', math.max(holder.until_ms - now, 10)} end
local cool = cooled(bot)
if cool > 0 then return {'cooled', '', cool} end
local why, wait = unready(KEYS[3], KEYS[4], KEYS[5], ARGV[3], tonumber(ARGV[6]), ARGV[7] == '1')
if why then return {'quiet', '', wait} end
return {'granted', take_floor(KEYS[2], previous, bot, entry, 'auto', tonumber(ARGV[5])), 0}
