-- ARGV: id, attempt, incarnation, token, index of the first item, number of items.
-- Starts those of these items that are queued. Compare-and-set: only the current attempt may start.
-- A repeated call with the same token succeeds again. Otherwise, after a lost response, the items
-- would stay running in a worker that does not know of them.
-- Returns false if none was started, else {queue, top_k, milliseconds in the queue, request id,
-- owner or '', and for each item its index and its JSON}.
local id, attempt, incarnation, token = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local first, count = tonumber(ARGV[5]), tonumber(ARGV[6])
local job = redis.call('HMGET', job_key(id), 'queue', 'top_k', 'created_ms', 'request_id',
  'turn_of', 'owner')
local queue, owner = job[1], job[5]
local indices = {}
-- counted from 1: a loop over the indices would not end at 2^53, where a number + 1 is the number
for at = 1, count do indices[at] = first + at - 1 end
local states, mine = read_states(id, indices), {}
local members, lines = {}, {}
for at, index in ipairs(indices) do
  local s = states[at]
  if s and s.attempt == attempt then
    if s.state == 'queued' then
      s.state, s.incarnation, s.token = 'running', incarnation, token
      members[#members + 1] = member(id, index)
      lines[#lines + 1], lines[#lines + 2] = index, state_line(s)
    end
    if s.state == 'running' and s.token == token then mine[#mine + 1] = at end
  end
end
if #mine == 0 then
  if owner then give_turns(queue) end
  return false
end
local now = now_ms()
local items = count == 1 and {redis.call('LINDEX', items_key(id), first)}
  or redis.call('LRANGE', items_key(id), first, indices[count])
if #members > 0 then
  -- items that were sent in one message have one number
  local seq = redis.call('ZSCORE', queued_key(queue), members[1])
  redis.call('ZREM', queued_key(queue), unpack(members))
  redis.call('SADD', held_key(incarnation), unpack(members))
  -- A worker that was removed from the list because it was silent may start an item before its next
  -- heartbeat and then die; the reconciler only checks workers on this list.
  redis.call('ZADD', KEY.BEATS, 'NX', now, incarnation)
  if seq and seq ~= UNSENT
      and tonumber(seq) > tonumber(redis.call('HGET', KEY.STARTED, queue) or 0) then
    redis.call('HSET', KEY.STARTED, queue, seq)
  end
  redis.call('HSET', states_key(id), unpack(lines))
  redis.call('HINCRBY', job_key(id), 'queued', -#members)
  redis.call('HINCRBY', job_key(id), 'running', #members)
  count_owned(queue, owner, -#members)
end
if owner then give_turns(queue) end
local answer = {queue, job[2], now - tonumber(job[3]), job[4] or '', job[6] or ''}
for _, at in ipairs(mine) do
  answer[#answer + 1], answer[#answer + 2] = indices[at], items[at]
end
return answer
