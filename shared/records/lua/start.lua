-- ARGV: id, index, attempt, incarnation, token. Compare-and-set: only the current attempt may start.
-- A repeated call with the same token succeeds again. Otherwise, after a lost response, the item
-- would stay running in a worker that does not know of it.
-- Returns false for a stale message, else {item as JSON, queue, top_k, milliseconds in the queue,
-- request id}.
local id, index, incarnation, token = ARGV[1], ARGV[2], ARGV[4], ARGV[5]
local s = read_state(id, index)
if not s or s.attempt ~= tonumber(ARGV[3]) then return false end
local job = redis.call('HMGET', job_key(id), 'queue', 'top_k', 'created_ms', 'request_id')
local answer = {redis.call('LINDEX', items_key(id), index), job[1], job[2],
                now_ms() - tonumber(job[3]), job[4] or ''}
if s.state == 'running' and s.token == token then return answer end
if s.state ~= 'queued' then return false end
local seq = redis.call('ZSCORE', queued_key(job[1]), member(id, index))
redis.call('ZREM', queued_key(job[1]), member(id, index))
redis.call('SADD', held_key(incarnation), member(id, index))
-- A worker that was removed from the list because it was silent may start an item before its next
-- heartbeat and then die; the reconciler only checks workers on this list.
redis.call('ZADD', KEY.BEATS, 'NX', now_ms(), incarnation)
if seq and seq ~= UNSENT and tonumber(seq) > tonumber(redis.call('HGET', KEY.STARTED, job[1]) or 0) then
  redis.call('HSET', KEY.STARTED, job[1], seq)
end
s.state, s.incarnation, s.token = 'running', incarnation, token
write_state(id, index, s)
redis.call('HINCRBY', job_key(id), 'queued', -1)
redis.call('HINCRBY', job_key(id), 'running', 1)
return answer
