-- Reads what a controller needs to know of a model, as of one moment. A script, for in a full Redis
-- a transaction is refused even when it only reads.
-- KEYS  version key, versions, serving, decisions, failures, runs, allowed
return {
  redis.call('GET', KEYS[1]),
  redis.call('ZRANGE', KEYS[2], 0, -1),
  redis.call('GET', KEYS[3]),
  redis.call('HGETALL', KEYS[4]),
  redis.call('HGETALL', KEYS[5]),
  redis.call('XREVRANGE', KEYS[6], '+', '-', 'COUNT', 1),
  redis.call('GET', KEYS[7]),
}
