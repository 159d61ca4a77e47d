-- ARGV: id, index, attempt, incarnation, outcome, result's JSON.
-- Returns 1 when this result counts, 0 when the item has ended or belongs to a later attempt.
local id, index, incarnation = ARGV[1], ARGV[2], ARGV[4]
local s = read_state(id, index)
if not s or s.state ~= 'running' or s.attempt ~= tonumber(ARGV[3])
    or s.incarnation ~= incarnation then
  redis.call('SREM', held_key(incarnation), member(id, index))
  return 0
end
redis.call('SREM', held_key(incarnation), member(id, index))
end_item(id, index, 'running', s, ARGV[5], ARGV[6])
return 1
