-- ARGV: id, incarnation, then per item: index, attempt, outcome, result's JSON.
-- Returns for each item 'counted' if this result was recorded, 'ended' if the item was finished
-- before (perhaps by an earlier call whose response was lost), 'stale' if a later attempt was
-- queued.
local id, incarnation = ARGV[1], ARGV[2]
local indices, members = {}, {}
for i = 3, #ARGV, 4 do
  indices[#indices + 1] = ARGV[i]
  members[#members + 1] = member(id, ARGV[i])
end
redis.call('SREM', held_key(incarnation), unpack(members))
local answers, ends = {}, {}
for at, s in ipairs(read_states(id, indices)) do
  local i = 4 * at - 1
  if s and s.state == 'running' and s.attempt == tonumber(ARGV[i + 1])
      and s.incarnation == incarnation then
    ends[#ends + 1] = {index = ARGV[i], s = s, outcome = ARGV[i + 2], result = ARGV[i + 3]}
    answers[at] = 'counted'
  else
    answers[at] = (s and s.state ~= 'queued' and s.state ~= 'running') and 'ended' or 'stale'
  end
end
end_items(id, 'running', ends)
return answers
