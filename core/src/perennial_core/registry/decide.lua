-- Writes a decision on a retained version, once: one that stands is never changed.
-- KEYS  versions, decisions
-- ARGV  version, decision
-- Returns the decision that stands; false when the version is not retained.
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return false
end
redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2])
return redis.call('HGET', KEYS[2], ARGV[1])
