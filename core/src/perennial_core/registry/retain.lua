-- Removes versions, unless versions came or went or another began to serve since the caller looked.
-- KEYS  versions, serving, decisions, failures, then the manifests and artifacts to remove
-- ARGV  versions as read, with blanks between, serving as read ('' for none), then the versions to
--       remove
-- Returns 1 when they are removed, 0 when the caller has to look again.
local versions = table.concat(redis.call('ZRANGE', KEYS[1], 0, -1), ' ')
if versions ~= ARGV[1] or (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then
  return 0
end
for i = 3, #ARGV do
  redis.call('ZREM', KEYS[1], ARGV[i])
end
for i = 5, #KEYS do
  redis.call('UNLINK', KEYS[i])
end
for i = 3, 4 do
  for _, version in ipairs(redis.call('HKEYS', KEYS[i])) do
    if not redis.call('ZSCORE', KEYS[1], version) then
      redis.call('HDEL', KEYS[i], version)  -- also what was recorded after its version had gone
    end
  end
end
return 1
