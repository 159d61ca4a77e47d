-- ARGV: id, '1' if these are the job's last messages, then per message: index of its first item,
-- number of its items, its text.
-- Sends messages to the job's queue and numbers their items in the same step, or lets them wait for
-- their owner's turn; see turns.lua. A message none of whose items waits for its first message is
-- skipped: the items were sent before, are finished or were cancelled. So the call may be repeated,
-- and two processes may send one job.
-- Returns how many items were sent, or wait for their turn.
local id = ARGV[1]
local queue, owner = unpack(redis.call('HMGET', job_key(id), 'queue', 'turn_of'))
local sent, texts, entries = 0, {}, {}
for i = 3, queue and #ARGV or 0, 3 do
  local first, count, text = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if owner then
    entries[#entries + 1] = turn_entry(id, first, count, text)
    sent = sent + count
  else
    local new = number_items(queue, id, first, count)
    if new > 0 then texts[#texts + 1] = text end
    sent = sent + new
  end
end
if #texts > 0 then redis.call('LPUSH', queue, unpack(texts)) end
if #entries > 0 then wait_for_turn(queue, owner, entries) end
if not queue or ARGV[2] == '1' then
  redis.call('ZREM', KEY.SENDING, id)
else
  redis.call('ZADD', KEY.SENDING, 'XX', now_ms(), id)
end
if owner then give_turns(queue) end
return sent
