-- Whether a post that answers nobody may be made now.
--#include discord

-- Returns why not and in how many ms to ask again (0: unknown), or nil when it may.
-- posts: recent_bot_posts; heard: last_human; read: the bot's cursor.
local function unready(posts, heard, read, channel, quiet, opening)
  local last = redis.call('ZRANGE', posts, -1, -1, 'WITHSCORES')
  local post = tonumber(last[2] or nil) or 0
  local human = written_ms(redis.call('HGET', heard, '#last'))
  local since = post
  if opening then
    since = math.max(post, human, written_ms(redis.call('HGET', read, channel)))
    -- One opening, by one bot, then people have the word: nobody talks to an empty room twice.
    for _, said in ipairs(redis.call('ZRANGEBYSCORE', posts, '(' .. int(human), '+inf')) do
      if string.find(said, ':p:', 1, true) then return 'nobody has spoken since ' .. said, 0 end
    end
  end
  if since + quiet > now then return 'quiet time', since + quiet - now end
  return nil
end
