-- wrk -s wrk.lua URL -- FIELD LIST: the photos that the file LIST names, one a line, as form field
-- FIELD, in turn. Prints one line of JSON, with times in milliseconds.

local threads, requests, turn = {}, {}, 0
local BOUNDARY = "0f0e3d6c4ab1"

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  refused = 0 -- global, so that done can read it
  local field, list = args[1], args[2]
  for name in io.lines(list) do
    local file = assert(io.open(name, "rb"))
    local head = "--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"photo.jpg\"\r\n"
      .. "Content-Type: image/jpeg\r\n\r\n"
    local body = head:format(BOUNDARY, field) .. file:read("*a") .. "\r\n--" .. BOUNDARY .. "--\r\n"
    file:close()
    local headers = { ["Content-Type"] = "multipart/form-data; boundary=" .. BOUNDARY }
    table.insert(requests, wrk.format("POST", nil, headers, body))
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function response(status)
  if status ~= 200 then -- a 202 is no answer either, and wrk would not count it
    refused = refused + 1
  end
end

function done(summary, latency)
  local errors = summary.errors
  local others = 0
  for _, thread in ipairs(threads) do
    others = others + thread:get("refused")
  end
  local failed = others + errors.connect + errors.read + errors.write + errors.timeout
  local text = '{"requests": %d, "errors": %d, "seconds": %f, "p50_ms": %f, "p95_ms": %f, "p99_ms": %f}'
  local ms = {}
  for _, share in ipairs({ 50, 95, 99 }) do
    table.insert(ms, latency:percentile(share) / 1e3)
  end
  local answered = summary.requests - others
  io.write("\n", text:format(answered, failed, summary.duration / 1e6, unpack(ms)), "\n")
end
