-- ARGV: id, first index, count. Cancels the queued items among these; running items may finish.
-- A job is cancelled in steps, because Redis serves no other client while a script runs.
-- Returns false for an unknown job, else {number of items of the job, indices of the cancelled
-- items among these}, including items that an earlier call cancelled, whose response may have been
-- lost, so that their uploads can be deleted.
local id, first = ARGV[1], tonumber(ARGV[2])
local job = redis.call('HMGET', job_key(id), 'queue', 'total', 'turn_of', 'owner')
local queue, total = job[1], tonumber(job[2])
if not queue then return false end
local cancelled, indices, members, lines = {}, {}, {}, {}
for index = first, math.min(first + tonumber(ARGV[3]), total) - 1 do
  indices[#indices + 1] = index
end
for at, s in ipairs(#indices > 0 and read_states(id, indices) or {}) do
  local index = indices[at]
  if s.state == 'queued' then
    s.state = 'cancelled'
    members[#members + 1] = member(id, index)
    lines[#lines + 1], lines[#lines + 2] = index, state_line(s)
  end
  if s.state == 'cancelled' then cancelled[#cancelled + 1] = index end
end
local now = #members
if now > 0 then
  redis.call('ZREM', queued_key(queue), unpack(members))
  redis.call('HSET', states_key(id), unpack(lines))
  redis.call('HINCRBY', job_key(id), 'queued', -now)
  redis.call('HINCRBY', job_key(id), 'cancelled', now)
  redis.call('HSET', job_key(id), 'cancel_requested', 1)
  redis.call('HINCRBY', KEY.UNRUN, end_field(queue, 'cancelled', job[4]), now)
  count_owned(queue, job[3], -now)
  if job[3] then give_turns(queue) end
  end_job_if_done(id)
end
return {total, cancelled}
