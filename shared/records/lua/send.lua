-- ARGV: id, '1' if these are the job's last messages, then per item: its index, its message.
-- Sends messages to the job's queue and numbers their items in the same step. The numbers have the
-- order of the messages, which the reconciler relies on. Items that were sent before, are finished
-- or were cancelled are skipped, so the call may be repeated and two processes may send one job.
-- Returns how many messages were sent.
local id = ARGV[1]
local queue = redis.call('HGET', job_key(id), 'queue')
local sent = 0
for i = 3, #ARGV, 2 do
  local item = member(id, ARGV[i])
  if queue and redis.call('ZSCORE', queued_key(queue), item) == UNSENT then
    redis.call('ZADD', queued_key(queue), next_seq(), item)
    redis.call('LPUSH', queue, ARGV[i + 1])
    sent = sent + 1
  end
end
if not queue or ARGV[2] == '1' then
  redis.call('ZREM', KEY.SENDING, id)
else
  redis.call('ZADD', KEY.SENDING, 'XX', now_ms(), id)
end
return sent
