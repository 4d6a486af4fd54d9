-- Requests of wrk to `vocable explore`: /v1/nearest for words of a list, in a different random order for each thread.
--   wrk -t2 -c16 -d30s --latency -s benches/serve.lua http://127.0.0.1:PORT -- WORDS
-- WORDS has one word per line, of letters and digits.

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(arguments)
  words = {}
  for word in io.lines(arguments[1]) do
    words[#words + 1] = word
  end
  math.randomseed(number)
end

function request()
  return wrk.format("GET", "/v1/nearest?k=10&word=" .. words[math.random(#words)])
end
