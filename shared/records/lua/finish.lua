-- ARGV: id, index, attempt, incarnation, outcome, result's JSON.
-- Returns 'counted' when this result counts, 'ended' when the item has ended before (perhaps by this
-- very call, whose answer was lost on the way), 'stale' when it belongs to a later attempt.
local id, index, incarnation = ARGV[1], ARGV[2], ARGV[4]
local s = read_state(id, index)
if not s or s.state ~= 'running' or s.attempt ~= tonumber(ARGV[3])
    or s.incarnation ~= incarnation then
  redis.call('SREM', held_key(incarnation), member(id, index))
  return (s and s.state ~= 'queued' and s.state ~= 'running') and 'ended' or 'stale'
end
redis.call('SREM', held_key(incarnation), member(id, index))
end_item(id, index, 'running', s, ARGV[5], ARGV[6])
return 'counted'
