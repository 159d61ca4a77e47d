-- ARGV: incarnation, the report as JSON, then the names of the Celery queues.
-- Returns their lengths, so that a worker can tell when it is being passed by.
-- Removes before it adds: a full Redis refuses a script whose first write grows, and a worker that
-- cannot say that it lives would be taken for dead.
local now = now_ms()
redis.call('ZREM', 'ic:beats', ARGV[1])
redis.call('ZADD', 'ic:beats', now, ARGV[1])
redis.call('HSET', 'ic:workers', ARGV[1], ARGV[2])
local waiting = {}
for i = 3, #ARGV do waiting[i - 2] = redis.call('LLEN', ARGV[i]) end
return waiting
