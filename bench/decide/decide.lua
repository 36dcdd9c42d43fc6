-- Questions for wrk: logins of 100,000 customers, each with an identifier of its own.
--   SEKISHO_KEY=… wrk -t1 -c256 -d10s -s bench/decide/decide.lua http://127.0.0.1:8480
-- `sekisho lab load` asks more like customers do (withdrawals, changes, orders) and counts verdicts; this is a second opinion on the rate.

local key = assert(os.getenv("SEKISHO_KEY"), "SEKISHO_KEY is not set: sekisho key create load --role sender")
local asked, run = 0, ""
local threads = {}
-- Global, so that it can be read from outside of the thread that counts.
refused = 0

function setup(thread)
   thread:set("number", #threads)
   table.insert(threads, thread)
end

function init()
   run = string.format("wrk-%d-%d-", os.time(), number)
   math.randomseed(os.time() + number)
   headers = { ["Authorization"] = "Bearer " .. key, ["Content-Type"] = "application/json" }
end

function request()
   asked = asked + 1
   local customer = math.random(0, 99999)
   local body = string.format(
      '{"id":"%s%d","time":"%s","kind":"login","customer":"W%05d","outcome":"attempted","credential":"correct","channel":"web",'
         .. '"client":{"ip":"10.%d.%d.%d","device":"d-%d","user_agent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0"}}',
      run, asked, os.date("!%Y-%m-%dT%H:%M:%SZ"), customer,
      math.floor(customer / 65536), math.floor(customer / 256) % 256, customer % 256, customer)
   return wrk.format("POST", "/v1/decide", headers, body)
end

function response(status)
   if status ~= 200 then
      refused = refused + 1
   end
end

function done(summary)
   local other = 0
   for _, thread in ipairs(threads) do
      other = other + thread:get("refused")
   end
   print(string.format("%.0f decisions/s, %d answers other than 200", summary.requests / summary.duration * 1e6, other))
end
