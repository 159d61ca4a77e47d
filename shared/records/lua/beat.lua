-- ARGV: incarnation, the report as JSON, its metrics' totals as JSON, then the names of the queues.
-- Returns their lengths, so that a worker can tell when it is being passed by.
-- Removes before it adds: a full Redis refuses a script whose first write grows, and a worker
-- without a heartbeat would be taken for dead.
local now = now_ms()
redis.call('ZREM', KEY.BEATS, ARGV[1])
redis.call('ZADD', KEY.BEATS, now, ARGV[1])
redis.call('HSET', KEY.WORKERS, ARGV[1], ARGV[2])
-- Only what the totals have grown by since the last beat is added to the fleet's: a beat that comes
-- twice adds nothing, a restarted worker begins from nothing, and so the sums never fall.
local seen_key = KEY.METRICS_SEEN .. ARGV[1]
local seen = redis.call('GET', seen_key)
local before = seen and cjson.decode(seen) or {}
for name, total in pairs(cjson.decode(ARGV[3])) do
  local more = total - (before[name] or 0)
  if more ~= 0 or not before[name] then redis.call('HINCRBYFLOAT', KEY.METRICS, name, more) end
end
redis.call('SET', seen_key, ARGV[3], 'EX', 86400)
local waiting = {}
for i = 4, #ARGV do waiting[i - 3] = redis.call('LLEN', ARGV[i]) end
return waiting
