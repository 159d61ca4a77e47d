-- ARGV: id, index, attempt, from ('running' or 'queued'), incarnation that held it or '',
--       number of deaths after which the item fails, JSON of the error for that failure, the
--       message of the next attempt, '1' if its worker was faulty and exited, '1' if the item may
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
if from == 'running' then
  if s.alone == 1 and ARGV[10] == '1' then s.deaths = s.deaths + 1 end
  if s.deaths >= tonumber(ARGV[6]) then
    end_item(id, index, 'running', s, 'failed', ARGV[7])
    return 'ended'
  end
  s.alone = 1
  redis.call('HINCRBY', job_key(id), 'running', -1)
  redis.call('HINCRBY', job_key(id), 'queued', 1)
end
s.state, s.incarnation, s.token, s.attempt = 'queued', '', '', s.attempt + 1
write_state(id, index, s)
local queue = redis.call('HGET', job_key(id), 'queue')
-- An item that a dead worker held is queued first, because it has waited before; other items are
-- queued last.
local seq = s.alone == 1 and redis.call('HGET', KEY.STARTED, queue) or next_seq()
redis.call('ZADD', queued_key(queue), seq, member(id, index))
redis.call(s.alone == 1 and 'RPUSH' or 'LPUSH', queue, ARGV[8])
local reason = from == 'running' and 'worker_lost' or 'message_lost'
redis.call('HINCRBY', KEY.RESENT, ARGV[9] == '1' and 'worker_fault' or reason, 1)
return 'sent'
