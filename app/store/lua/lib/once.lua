-- Idempotency: a request that is repeated after a lost answer is given the reply of the first time. Two functions and no
-- wrapper around a body: Lua lets a function see 60 locals of its surroundings, and a commit needs more.

local function earlier_reply(request)
  local reply = redis.call('GET', request)
  return reply and cjson.decode(reply)
end

-- Stores the reply for a repeated request.
local function reply_once(request, reply)
  redis.call('SET', request, cjson.encode(reply), 'PX', REQUEST_TTL)
  return reply
end

-- Whether a commit, by its request, did what it was asked.
local function went_through(request)
  local reply = earlier_reply(request)
  return reply and (reply[1] == 'committed' or reply[1] == 'dry_run')
end
