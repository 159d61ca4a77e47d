-- ARGV: id, queue, top_k, reply_to, ttl_s, limit, idempotency key or '', fingerprint of the contents,
--       owner or '', the message of a job of one item or '', request id, how many items of the owner
--       may wait or '' if it takes no turns, how many items may wait before these or '', then per
--       item: its JSON, its error's JSON or ''. Without a message send.lua sends the items
--       afterwards.
-- Admits the job and writes its record and index in one step: a job is written whole or not at all.
-- Returns 'created', 'exists' (an earlier call created it, but its response was lost), 'full',
-- 'owner_full' (too many items of the owner wait), 'conflict' (the idempotency key belongs to a job
-- with other contents), or {id of the job that has the key}.
local id, queue, top_k, reply_to, ttl_s = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local idempotency, fingerprint = ARGV[7], ARGV[8]
local owner, message, request_id = ARGV[9], ARGV[10], ARGV[11]
local most_owned, room = tonumber(ARGV[12]), tonumber(ARGV[13])
local turn_of = most_owned and owner
local first = 14
local total = (#ARGV - first + 1) / 2
if redis.call('EXISTS', job_key(id)) == 1 then return 'exists' end
if idempotency ~= '' then
  local earlier = redis.call('HMGET', idempotency_key(idempotency), 'job_id', 'fingerprint')
  if earlier[1] and redis.call('EXISTS', job_key(earlier[1])) == 1 then
    return earlier[2] == fingerprint and {earlier[1]} or 'conflict'
  end
end
local depth = redis.call('ZCARD', queued_key(queue))
if depth + total > tonumber(ARGV[6]) then return 'full' end
if turn_of then
  -- workers of a release without turns leave counts behind. Not always deleted: a full Redis would
  -- not refuse the script any more
  if depth == 0 and redis.call('EXISTS', owned_key(queue)) == 1 then
    redis.call('DEL', owned_key(queue))
  end
  if owned_by(queue, owner) + total > most_owned then return 'owner_full' end
  depth = depth_before(queue, owner)
end
if room and depth + total > room then return 'full' end

-- Written in pieces, because a script can pass no more than some thousand arguments.
local PIECE = 500
local failed, seq = 0, message ~= '' and not turn_of and next_seq() or UNSENT
for from = 0, total - 1, PIECE do
  local items, states, waiting, results = {}, {}, {}, {}
  for i = from, math.min(from + PIECE, total) - 1 do
    local item, err = ARGV[first + 2 * i], ARGV[first + 1 + 2 * i]
    local s = {state = 'queued', attempt = 1, deaths = 0, alone = 0, incarnation = '', token = ''}
    items[#items + 1] = item
    if err == '' then
      waiting[#waiting + 1], waiting[#waiting + 2] = seq, member(id, i)
    else
      s.state = 'failed'
      failed = failed + 1
      results[#results + 1], results[#results + 2] = i, err
      redis.call('HINCRBY', KEY.UNRUN, end_field(queue, end_name('failed', err), owner), 1)
    end
    states[#states + 1], states[#states + 2] = i, state_line(s)
  end
  redis.call('RPUSH', items_key(id), unpack(items))
  redis.call('HSET', states_key(id), unpack(states))
  if #waiting > 0 then redis.call('ZADD', queued_key(queue), unpack(waiting)) end
  if #results > 0 then redis.call('HSET', results_key(id), unpack(results)) end
end
redis.call('HSET', job_key(id), 'created_ms', string.format('%.0f', now_ms()), 'queue', queue,
  'top_k', top_k, 'reply_to', reply_to, 'ttl_s', ttl_s, 'total', total, 'queued', total - failed,
  'request_id', request_id, 'running', 0, 'succeeded', 0, 'failed', failed, 'cancelled', 0)
if owner ~= '' then redis.call('HSET', job_key(id), 'owner', owner) end
if turn_of then
  redis.call('HSET', job_key(id), 'turn_of', owner)
  count_owned(queue, owner, total - failed)
end
if idempotency ~= '' then
  redis.call('HSET', job_key(id), 'idempotency', idempotency)
  redis.call('HSET', idempotency_key(idempotency), 'job_id', id, 'fingerprint', fingerprint)
end
if reply_to == '' then  -- a batch: no request waits for it
  local number = next_seq()
  redis.call('ZADD', KEY.JOBS, number, id)
  if owner ~= '' then redis.call('ZADD', KEY.JOBS_OF .. owner, number, id) end
  forget_expired(100)
end
if message ~= '' and turn_of then
  wait_for_turn(queue, owner, {turn_entry(id, 0, 1, message)})
  give_turns(queue)
elseif message ~= '' then
  redis.call('LPUSH', queue, message)
elseif failed < total then
  redis.call('ZADD', KEY.SENDING, now_ms(), id)
end
end_job_if_done(id)
return 'created'
