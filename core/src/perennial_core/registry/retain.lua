-- Removes versions, unless anything was published or began to serve since the caller looked.
-- KEYS  version key, serving, versions, failures, then the manifests and artifacts to remove
-- ARGV  latest version as read, serving as read ('' for none), then the versions to remove
-- Returns 1 when they are removed, 0 when the caller has to look again.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] or (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then
  return 0
end
for i = 3, #ARGV do
  redis.call('ZREM', KEYS[3], ARGV[i])
end
for i = 5, #KEYS do
  redis.call('UNLINK', KEYS[i])
end
for _, version in ipairs(redis.call('HKEYS', KEYS[4])) do
  if not redis.call('ZSCORE', KEYS[3], version) then
    redis.call('HDEL', KEYS[4], version)  -- also what was recorded after its version had gone
  end
end
return 1
