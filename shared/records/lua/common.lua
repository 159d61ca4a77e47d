-- Added before every script, after the table KEY of shared/redis_keys.py: the keys of a job, the
-- state line of an item, and the function that finishes an item.
-- State line: state|attempt|deaths|alone|incarnation|token
-- The token identifies one run in one task thread; incarnation and token are empty unless the item
-- is running.

local function job_key(id) return KEY.JOB .. id end
local function states_key(id) return KEY.JOB .. id .. KEY.STATES end
local function items_key(id) return KEY.JOB .. id .. KEY.ITEMS end
local function results_key(id) return KEY.JOB .. id .. KEY.RESULTS end
local function queued_key(queue) return KEY.QUEUED .. queue end
local function held_key(incarnation) return KEY.HELD .. incarnation end
local function idempotency_key(key) return KEY.IDEMPOTENCY .. key end
local function member(id, index) return id .. ':' .. index end

-- The score of an item whose message has not been sent yet: after all waiting items.
local UNSENT = 'inf'

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function parsed(line)
  if not line then return false end
  local state, attempt, deaths, alone, incarnation, token =
    string.match(line, '^(%a+)|(%d+)|(%d+)|(%d)|([^|]*)|([^|]*)$')
  return {state = state, attempt = tonumber(attempt), deaths = tonumber(deaths),
          alone = tonumber(alone), incarnation = incarnation, token = token}
end

-- One for each index; false for an item that does not exist.
local function read_states(id, indices)
  local states = redis.call('HMGET', states_key(id), unpack(indices))
  for at = 1, #indices do states[at] = parsed(states[at]) end
  return states
end

local function read_state(id, index)
  return read_states(id, {index})[1]
end

local function state_line(s)
  return string.format('%s|%d|%d|%d|%s|%s',
    s.state, s.attempt, s.deaths, s.alone, s.incarnation, s.token)
end

local function write_state(id, index, s)
  redis.call('HSET', states_key(id), index, state_line(s))
end

local function next_seq()
  return redis.call('INCR', KEY.SEQ)
end

-- Numbers those items of a message that wait for their first message; returns how many these are.
-- The numbers have the order of the messages, which the reconciler relies on.
local function number_items(queue, id, first, count)
  local seq, numbered = next_seq(), {}
  for index = first, first + count - 1 do
    numbered[#numbered + 1], numbered[#numbered + 2] = seq, member(id, index)
  end
  -- only an item that is queued and UNSENT has a higher number
  return redis.call('ZADD', queued_key(queue), 'XX', 'LT', 'CH', unpack(numbered))
end

-- Removes batches whose records have expired from the lists of batches, at most so many.
local function forget_expired(most)
  local due = redis.call('ZRANGEBYSCORE', KEY.EXPIRING, '-inf', now_ms(), 'LIMIT', 0, most)
  for _, entry in ipairs(due) do
    local owner, id = string.match(entry, '^(.*):(.*)$')
    redis.call('ZREM', KEY.JOBS, id)
    if owner ~= '' then redis.call('ZREM', KEY.JOBS_OF .. owner, id) end
    redis.call('ZREM', KEY.EXPIRING, entry)
  end
end

-- The time-to-live of a job's record begins when the job is finished.
-- A request that waits for a job of one item receives the result in the published message.
local function end_job_if_done(id, ended)
  local counts = redis.call('HMGET', job_key(id), 'queued', 'running', 'reply_to', 'ttl_s', 'total')
  if tonumber(counts[1]) > 0 or tonumber(counts[2]) > 0 then return 0 end
  redis.call('HSET', job_key(id), 'finished_ms', string.format('%.0f', now_ms()))
  local keys = {job_key(id), items_key(id), states_key(id), results_key(id)}
  local idempotency = redis.call('HGET', job_key(id), 'idempotency')
  if idempotency then keys[5] = idempotency_key(idempotency) end
  for _, key in ipairs(keys) do redis.call('EXPIRE', key, tonumber(counts[4])) end
  if counts[3] ~= '' then
    redis.call('PUBLISH', counts[3], (ended and counts[5] == '1') and id .. ' ' .. ended or id)
  else
    local owner = redis.call('HGET', job_key(id), 'owner') or ''
    redis.call('ZADD', KEY.EXPIRING, now_ms() + counts[4] * 1000, owner .. ':' .. id)
  end
  return 1
end

-- The outcome of an item as one word; for a failed item, the slug of its problem.
local function end_name(outcome, result)
  return outcome == 'failed' and string.match(result, '"type": ?"/problems/([%w_]+)"') or outcome
end

-- The name of a counter of ended items.
local function end_field(queue, name, owner)
  return queue .. '|' .. name .. ((owner and owner ~= '') and '|' .. owner or '')
end

-- from: the previous state of all. ends: for each item {index, s, outcome, result}. The caller must
-- delete data before it calls this function: a full Redis refuses a script whose first write adds
-- data.
local function end_items(id, from, ends)
  if #ends == 0 then return 0 end
  local lines, results, outcomes, names = {}, {}, {}, {}
  local queue, owner = unpack(redis.call('HMGET', job_key(id), 'queue', 'owner'))
  for _, e in ipairs(ends) do
    e.s.state, e.s.incarnation, e.s.token = e.outcome, '', ''
    lines[#lines + 1], lines[#lines + 2] = e.index, state_line(e.s)
    if e.result ~= '' then results[#results + 1], results[#results + 2] = e.index, e.result end
    outcomes[e.outcome] = (outcomes[e.outcome] or 0) + 1
    local name = end_field(queue, end_name(e.outcome, e.result), owner)
    names[name] = (names[name] or 0) + 1
  end
  redis.call('HSET', states_key(id), unpack(lines))
  if #results > 0 then redis.call('HSET', results_key(id), unpack(results)) end
  redis.call('HINCRBY', job_key(id), from, -#ends)
  for outcome, count in pairs(outcomes) do redis.call('HINCRBY', job_key(id), outcome, count) end
  for name, count in pairs(names) do redis.call('HINCRBY', KEY.ENDED, name, count) end
  return end_job_if_done(id, ends[1].outcome .. ' ' .. ends[1].result)
end
