-- wrk's script. Words: a file with the body to POST, or one with the paths to GET in random order. Prints JSON.

local requests = {}

function init(words)
  local method, name = words[1], words[2]
  local file = assert(io.open(name, "rb"))
  if method == "POST" then
    wrk.method, wrk.body = "POST", file:read("*a")
    wrk.headers["Content-Type"] = "multipart/form-data; boundary=" .. words[3]
    requests[1] = wrk.format()
  else
    for path in file:lines() do
      requests[#requests + 1] = wrk.format("GET", path)
    end
  end
  file:close()
  math.randomseed(42)
end

function request()
  return requests[math.random(#requests)]
end

function done(summary, latency, _)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local template = '{"answered": %d, "failed": %d, "seconds": %f, "p50": %f, "p99": %f}\n'
  io.write(template:format(summary.requests, failed, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
