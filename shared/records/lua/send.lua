-- ARGV: id, '1' when nothing of the job is left to send after this, then per item: its index, its
--       message.
-- Puts messages onto the job's queue and numbers their items in the same step, so that the order
-- of the numbers is the order of the messages: the reconciler counts on it. The items of one
-- message may share a number. What was sent before, has ended or was cancelled is passed over, so
-- that the call may be repeated, and two senders of one job do no harm.
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
