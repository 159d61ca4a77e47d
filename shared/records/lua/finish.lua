-- ARGV: id, index, attempt, incarnation, outcome, result's JSON.
-- Returns 'counted' if this result was recorded, 'ended' if the item was finished before (perhaps by
-- an earlier call whose response was lost), 'stale' if a later attempt was queued.
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
