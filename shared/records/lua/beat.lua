-- ARGV: incarnation, report as JSON, totals of the metrics as JSON, then the names of the queues.
-- Returns the queues' lengths, so that a worker notices when it receives no messages.
-- Removes the heartbeat before adding it: a full Redis refuses a script whose first write adds
-- data, and a worker without a heartbeat would be considered dead.
local now = now_ms()
redis.call('ZREM', KEY.BEATS, ARGV[1])
redis.call('ZADD', KEY.BEATS, now, ARGV[1])
redis.call('HSET', KEY.WORKERS, ARGV[1], ARGV[2])
-- Only the growth of the totals since the last heartbeat is added to the fleet's sums: a repeated
-- heartbeat adds nothing, a restarted worker starts from zero, and the sums never decrease.
local seen_key = KEY.METRICS_SEEN .. ARGV[1]
local seen = redis.call('GET', seen_key)
local before = seen and cjson.decode(seen) or {}
for name, total in pairs(cjson.decode(ARGV[3])) do
  local more = total - (before[name] or 0)
  if more ~= 0 or not before[name] then redis.call('HINCRBYFLOAT', KEY.METRICS, name, more) end
end
redis.call('SET', seen_key, ARGV[3], 'EX', 86400)
forget_expired(1000)
local waiting = {}
for i = 4, #ARGV do
  give_turns(ARGV[i])  -- messages may leave a queue without a start
  resume_sending(ARGV[i])
  waiting[i - 3] = redis.call('LLEN', ARGV[i])
end
return waiting
