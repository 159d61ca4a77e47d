-- ARGV: id, '1' if these are the job's last messages, then per message: index of its first item,
-- number of its items, its text.
-- Sends messages to the job's queue and numbers their items in the same step. The numbers have the
-- order of the messages, which the reconciler relies on. A message none of whose items waits for
-- its first message is skipped: the items were sent before, are finished or were cancelled. So the
-- call may be repeated, and two processes may send one job.
-- Returns how many items were sent.
local id = ARGV[1]
local queue = redis.call('HGET', job_key(id), 'queue')
local sent, texts = 0, {}
for i = 3, queue and #ARGV or 0, 3 do
  local seq, numbered = next_seq(), {}
  for index = ARGV[i], ARGV[i] + ARGV[i + 1] - 1 do
    numbered[#numbered + 1], numbered[#numbered + 2] = seq, member(id, index)
  end
  -- only an item that is queued and UNSENT has a higher number
  local new = redis.call('ZADD', queued_key(queue), 'XX', 'LT', 'CH', unpack(numbered))
  if new > 0 then texts[#texts + 1] = ARGV[i + 2] end
  sent = sent + new
end
if #texts > 0 then redis.call('LPUSH', queue, unpack(texts)) end
if not queue or ARGV[2] == '1' then
  redis.call('ZREM', KEY.SENDING, id)
else
  redis.call('ZADD', KEY.SENDING, 'XX', now_ms(), id)
end
return sent
