-- Says which version should serve, if it may.
-- KEYS  decisions, serving
-- ARGV  version, what to write
-- Returns 1 when it is written, 0 when the version is not approved.
local decision = redis.call('HGET', KEYS[1], ARGV[1])
if not decision or cjson.decode(decision).verdict ~= 'Approved' then
  return 0
end
redis.call('SET', KEYS[2], ARGV[2])
return 1
