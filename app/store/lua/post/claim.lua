-- Ask for a channel's floor for a post that answers nobody. Only the holder of the bot's own lane may.
-- Returns {verdict, token, retry in ms}
--#include mutes brakes budgets floor quiet
if redis.call('GET', lock) ~= owner then return {'lost_lock', '', 0} end
if muted_by(mute_scopes) then return {'muted', '', 0} end
if redis.call('EXISTS', answer) == 1 then return {'answered', '', 0} end
if day_spent(bot, limits, cost_of(1, 0, 0)) then return {'budget', '', 0} end
local closed_ms = unasked_in()
if closed_ms then return {'wait', '', closed_ms} end
local holder, previous = floor_of(floor)
if holder and not holder.entry and holder.bot == bot and holder.message == entry_id then
  return {'granted', holder.token, 0}
end
if holder then return {'wait', '', math.max(holder.until_ms - now, 10)} end
local cool = cooled(bot)
if cool then return {'cooled', '', cool} end
local why, wait = unready(recent_posts, last_human, cursor, channel, quiet_ms, opening)
if why then return {'quiet', '', wait} end
return {'granted', take_floor(floor, previous, bot, entry_id, 'auto', lease_ms), 0}
