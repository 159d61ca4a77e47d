-- Added after common.lua before every script that needs it: turns of the owners of API keys.
-- Each owner's messages wait in a list of their own. Only a few are in the queue at a time; when
-- workers have taken some, the next ones follow, one message of each owner in turn. So an owner's
-- photos wait for a few messages of the others, however many photos of the others wait.
-- A job takes turns if its record has the field turn_of, its owner.

local function turns_key(queue) return KEY.TURNS .. queue end
local function turn_key(queue, owner) return KEY.TURN .. queue .. ':' .. owner end
local function owned_key(queue) return KEY.OWNED .. queue end

local function turn_entry(id, first, count, text)
  return first .. ' ' .. count .. ' ' .. id .. ' ' .. text
end

-- Counts items of an owner that begin (more > 0) or end (more < 0) to wait; false is no owner.
local function count_owned(queue, owner, more)
  if not owner or more == 0 then return end
  if redis.call('HINCRBY', owned_key(queue), owner, more) <= 0 then
    redis.call('HDEL', owned_key(queue), owner)
  end
end

-- How many items of an owner wait.
local function owned_by(queue, owner)
  return tonumber(redis.call('HGET', owned_key(queue), owner) or 0)
end

-- How many items wait before the next one of an owner: as many of each other owner as of this one,
-- and all that take no turns.
local function depth_before(queue, owner)
  local own, depth = owned_by(queue, owner), redis.call('ZCARD', queued_key(queue))
  local counts = redis.call('HGETALL', owned_key(queue))
  for i = 2, #counts, 2 do depth = depth - math.max(0, counts[i] - own) end
  return math.max(depth, own)
end

-- How many messages may be in the queue: more would wait before another owner's turn, with fewer a
-- worker would wait for the next one. A message of the batch queue is up to 100 ms of work.
local function most_in(queue)
  return (queue == 'batch' and 1 or 4) * (1 + redis.call('ZCARD', KEY.BEATS))
end

-- So many messages are looked at in one step, which takes Redis about 3 ms: those of cancelled items
-- are dropped.
local LOOK_MOST = 1000

-- Numbers a message's items; false for a message that is no longer needed.
local function is_due(queue, id, first, count)
  local queued = tonumber(id and redis.call('HGET', job_key(id), 'queued') or 0)
  return queued > 0 and number_items(queue, id, tonumber(first), tonumber(count)) > 0
end

-- While an owner had no turn for so long, workers came to hold only messages of the others. So it
-- first has as many turns in a row as a worker usually holds messages, for each worker.
local AWAY_MS, FIRST_TURNS = 10000, 8

-- Moves messages into the queue while there is room, one of each owner in turn.
local function give_turns(queue)
  local room = most_in(queue) - redis.call('LLEN', queue)
  local turned, left = KEY.TURNED .. queue, KEY.FIRST .. queue
  for _ = 1, LOOK_MOST do
    local owner = room > 0 and redis.call('RPOP', turns_key(queue))
    if not owner then return end
    local waiting = turn_key(queue, owner)
    local entry = redis.call('RPOP', waiting) or ''
    local first, count, id, text = string.match(entry, '^(%d+) (%d+) (%S+) (.*)$')
    local again = false
    if is_due(queue, id, first, count) then
      redis.call('LPUSH', queue, text)
      room = room - 1
      redis.call('HSET', turned, owner, now_ms())
      again = redis.call('HGET', left, owner) ~= false
      if again and redis.call('HINCRBY', left, owner, -1) <= 0 then
        redis.call('HDEL', left, owner)
        again = false
      end
    end
    if redis.call('EXISTS', waiting) == 1 then
      redis.call(again and 'RPUSH' or 'LPUSH', turns_key(queue), owner)
    else
      redis.call('HDEL', left, owner)
    end
  end
end

-- Adds messages to those that wait for the owner's turn.
local function wait_for_turn(queue, owner, entries)
  local waiting = turn_key(queue, owner)
  if redis.call('EXISTS', waiting) == 0 then
    local last = redis.call('HGET', KEY.TURNED .. queue, owner)
    local away = not last or math.abs(now_ms() - last) >= AWAY_MS
    if away then
      local turns = FIRST_TURNS * math.max(1, redis.call('ZCARD', KEY.BEATS))
      redis.call('HSET', KEY.FIRST .. queue, owner, turns)
    end
    redis.call(away and 'RPUSH' or 'LPUSH', turns_key(queue), owner)
  end
  redis.call('LPUSH', waiting, unpack(entries))
end

-- Lets the reconciler send items whose messages have disappeared while they waited for their turn:
-- an item that was not sent is in a job that is being sent, or its message is in one of the lists.
local function resume_sending(queue)
  if redis.call('EXISTS', turns_key(queue)) + redis.call('EXISTS', KEY.SENDING) > 0 then return end
  local last, number = unpack(redis.call('ZRANGE', queued_key(queue), -1, -1, 'WITHSCORES'))
  if number == UNSENT then
    redis.call('ZADD', KEY.SENDING, now_ms(), string.match(last, '^(.*):'))
  end
end

