-- ARGV: id, index, attempt, from ('running' or 'queued'), incarnation that held it or '',
--       number of deaths after which the item fails, JSON of the error for that failure, the
--       message of the next attempt, why if its worker is alive ('worker_fault' if it exits because
--       it is faulty, 'worker_stopped' if it has not begun to process the item), '1' if the item may
--       have caused that (else '0').
-- Queues a lost item again with a new attempt, and sends its message in the same step. A death
-- counts only if the item ran in isolation.
-- Returns 'sent', 'ended' if the item failed after too many deaths, 'moved_on' if the item's state
-- has changed meanwhile.
local id, index, from, incarnation = ARGV[1], ARGV[2], ARGV[4], ARGV[5]
local s = read_state(id, index)
if from == 'running' then redis.call('SREM', held_key(incarnation), member(id, index)) end
if not s or s.state ~= from or s.attempt ~= tonumber(ARGV[3])
    or s.incarnation ~= incarnation then return 'moved_on' end
local reason = ARGV[9]
local queue, owner = unpack(redis.call('HMGET', job_key(id), 'queue', 'turn_of'))
if from == 'running' then
  if reason ~= 'worker_stopped' and s.alone == 1 and ARGV[10] == '1' then s.deaths = s.deaths + 1 end
  if s.deaths >= tonumber(ARGV[6]) then
    end_items(id, 'running', {{index = index, s = s, outcome = 'failed', result = ARGV[7]}})
    return 'ended'
  end
  if reason ~= 'worker_stopped' then s.alone = 1 end
  redis.call('HINCRBY', job_key(id), 'running', -1)
  redis.call('HINCRBY', job_key(id), 'queued', 1)
  count_owned(queue, owner, 1)
end
s.state, s.incarnation, s.token, s.attempt = 'queued', '', '', s.attempt + 1
write_state(id, index, s)
-- An item that a worker held is queued first, because it has waited before; other items are queued
-- last.
local front = from == 'running' or s.alone == 1
local seq = front and redis.call('HGET', KEY.STARTED, queue) or next_seq()
redis.call('ZADD', queued_key(queue), seq, member(id, index))
redis.call(front and 'RPUSH' or 'LPUSH', queue, ARGV[8])
if reason == '' then reason = from == 'running' and 'worker_lost' or 'message_lost' end
redis.call('HINCRBY', KEY.RESENT, reason, 1)
return 'sent'
