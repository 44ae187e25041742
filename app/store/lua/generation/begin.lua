-- A gateway has written what it knows into a new or emptied database. What nobody asked for waits for the others a little longer.
-- Returns the generation: the caller's, or that of a gateway which was faster
if not redis.call('GET', generation) then
  redis.call('SET', generation, proposal)
  redis.call('SET', generation_new, proposal, 'PX', math.min(grace_ms, GENERATION_TTL))
end
return redis.call('GET', generation)
