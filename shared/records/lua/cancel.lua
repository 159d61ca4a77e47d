-- ARGV: id, first index, how many. Cancels what is queued among these items; what runs may finish.
-- A job is cancelled in steps, because all others wait while a script runs.
-- Returns false for an unknown job, else {how many items the job has, those of these items that are
-- cancelled}: by this call or an earlier one whose answer was lost, so that their uploads can go.
local id, first = ARGV[1], tonumber(ARGV[2])
local job = redis.call('HMGET', job_key(id), 'queue', 'total')
local queue, total = job[1], tonumber(job[2])
if not queue then return false end
local cancelled, now = {}, 0
for index = first, math.min(first + tonumber(ARGV[3]), total) - 1 do
  local s = read_state(id, index)
  if s.state == 'queued' then
    redis.call('ZREM', queued_key(queue), member(id, index))
    s.state = 'cancelled'
    write_state(id, index, s)
    now = now + 1
  end
  if s.state == 'cancelled' then cancelled[#cancelled + 1] = index end
end
if now > 0 then
  redis.call('HINCRBY', job_key(id), 'queued', -now)
  redis.call('HINCRBY', job_key(id), 'cancelled', now)
  redis.call('HSET', job_key(id), 'cancel_requested', 1)
  redis.call('HINCRBY', KEY.UNRUN, queue .. '|cancelled', now)
  end_job_if_done(id)
end
return {total, cancelled}
