-- Removes all keys of a model, unless anything was published since the caller looked for them.
-- KEYS  version key, then all others
-- ARGV  latest version as read ('' for none)
-- Returns 1 when they are removed, 0 when the caller has to look again.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
  return 0
end
for i = 1, #KEYS do
  redis.call('UNLINK', KEYS[i])
end
return 1
