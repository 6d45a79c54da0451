"""Looks at everything that the registry holds of a model, in one atomic step."""

from __future__ import annotations

from typing import Any

from perennial_core.identity import ModelKey
from perennial_core.registry.keys import ModelKeys

_FAULTS = """
local prefix, faults, wanted, retained = ARGV[1], {}, {}, {}
local function fault(text) faults[#faults + 1] = text end
for _, version in ipairs(redis.call('ZRANGE', prefix .. 'versions', 0, -1)) do
  retained[version] = true
  local manifest = redis.call('GET', prefix .. 'manifest:' .. version)
  if not manifest then
    fault('version ' .. version .. ' has no manifest')
  else
    local read = cjson.decode(manifest)
    local artifact = prefix .. 'artifact:' .. read.digest
    wanted[prefix .. 'manifest:' .. version] = true
    wanted[artifact] = true
    if redis.call('STRLEN', artifact) ~= read.size then
      fault('version ' .. version .. ' has no whole artifact')
    end
  end
end
local latest = redis.call('GET', KEYS[1])
if latest and not retained[latest] then
  fault('the version key names ' .. latest .. ', which is not retained')
end
if not latest and next(retained) then
  fault('versions are retained, and there is no version key')
end
local serving = redis.call('GET', prefix .. 'serving')
if serving and not retained[tostring(cjson.decode(serving).version)] then
  fault('what serves is not retained: ' .. serving)
end
for _, kind in ipairs({'manifest:', 'artifact:'}) do
  for _, name in ipairs(redis.call('KEYS', prefix .. kind .. '*')) do
    if not wanted[name] then
      fault('nothing needs ' .. name)
    end
  end
end
return faults
"""


async def registry_faults(client: Any, key: ModelKey) -> list[str]:
    """Return what is wrong with the keys of a model; none of it may be seen at any moment.

    Args:
        client: A redis.asyncio.Redis that is connected to the registry's server.
        key: The model.
    """
    keys = ModelKeys(key)
    return [fault.decode() for fault in await client.eval(_FAULTS, 1, keys.version, keys.prefix)]


async def registry_keys(client: Any, key: ModelKey) -> set[str]:
    """Return the names of the model's keys, without what they have in common."""
    prefix = ModelKeys(key).prefix
    return {name.decode().removeprefix(prefix) for name in await client.keys(f"{prefix}*")}
