-- ARGV: id. Cancels what is queued; what runs may finish. Returns false for an unknown job, else
-- the indices cancelled now, so that their uploads can go.
local id = ARGV[1]
local queue = redis.call('HGET', job_key(id), 'queue')
if not queue then return false end
local gone = {}
local lines = redis.call('HGETALL', states_key(id))
for i = 1, #lines, 2 do
  if string.sub(lines[i + 1], 1, 7) == 'queued|' then gone[#gone + 1] = lines[i] end
end
for _, index in ipairs(gone) do
  redis.call('ZREM', queued_key(queue), member(id, index))
  local s = read_state(id, index)
  s.state = 'cancelled'
  write_state(id, index, s)
end
if #gone > 0 then
  redis.call('HINCRBY', job_key(id), 'queued', -#gone)
  redis.call('HINCRBY', job_key(id), 'cancelled', #gone)
  redis.call('HSET', job_key(id), 'cancel_requested', 1)
  redis.call('HINCRBY', KEY.UNRUN, queue .. '|cancelled', #gone)
  end_job_if_done(id)
end
return gone
