-- Publishes one version: all of it or nothing. Every key is declared, so it runs on a cluster too.
-- KEYS  version key, versions, this run, runs, manifest of the new version, artifact
-- ARGV  latest version as the caller read it, new version, manifest, artifact, seconds to remember
--       the run, record of the run, most runs to keep
-- Returns {'published', version}, {'repeated', version} or {'conflict', latest version}.
local published = redis.call('GET', KEYS[3])
if published then
  return {'repeated', published}
end
local latest = redis.call('GET', KEYS[1]) or '0'
if latest ~= ARGV[1] then
  return {'conflict', latest}
end
redis.call('SET', KEYS[6], ARGV[4])
redis.call('SET', KEYS[5], ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[2])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[7], '*', 'record', ARGV[6])
redis.call('SET', KEYS[3], ARGV[2], 'EX', ARGV[5])
redis.call('SET', KEYS[1], ARGV[2])
return {'published', ARGV[2]}
