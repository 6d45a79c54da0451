"""Every step of the registry stays in one slot, as a Redis cluster demands."""

from __future__ import annotations

import re
from typing import Any

import redis.asyncio
from builders import NOW, manifest_body
from redis.crc import key_slot
from serving import APPROVAL

from perennial_core.identity import ModelKey, Version, digest_of
from perennial_core.registry import Failure, Registry, Run, RunOutcome, Serving
from perennial_core.registry.keys import EVENTS, ModelKeys
from perennial_core.resource.promotion import PromotionTarget
from perennial_core.settings import RegistrySettings

_LINE = re.compile(r"^[\d.]+ \[\d+ (?P<who>[^\]]+)\] (?P<command>.*)$")
_KEY = re.compile(r'"(perennial:[^"\\]+)"')


class Used:
    """A registry that remembers which of its methods were used."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.names.add(name)
        return getattr(self._registry, name)


async def use_everything(registry: Used, key: ModelKey) -> None:
    """Send every command that the registry has."""
    run = Run(run_id="r", outcome=RunOutcome.SKIPPED, started=NOW, ended=NOW, message="unchanged")
    for number, artifact in enumerate((b"a", b"b", b"a", b"c")):
        body = manifest_body(key, artifact, f"run-{number}")
        await registry.publish(key, body, artifact, started=NOW)
    await registry.record_run(key, run)
    await registry.decide(key, Version(4), APPROVAL)
    await registry.set_serving(key, Serving(version=Version(4), digest=digest_of(b"c")))
    await registry.ping()
    await registry.latest(key)
    await registry.latest_manifest(key)
    await registry.allow(key, [PromotionTarget(namespace="production")])
    await registry.serving(key)
    await registry.record_failure(
        key, Version(1), Failure(reason="Deadline", message="late", at=NOW)
    )
    await registry.snapshot(key)
    await registry.runs(key)
    await registry.manifests(key, [Version(3), Version(4)])
    await registry.artifact(key, (await registry.manifest(key, Version(4))).digest)
    assert await registry.retain(key, limit=1, protected=[]) == [1, 2, 3]
    await registry.purge(key)
    async for _ in registry.events():
        break


def steps(lines: list[str]) -> list[set[str]]:
    """Return the keys of each step: of a command, of a script or of a whole transaction."""
    found: list[set[str]] = []
    opened: dict[str, set[str]] = {}  # transactions, by their client
    for line in lines:
        match = _LINE.match(line)
        assert match, line
        who, command = match["who"], match["command"]
        if command == '"MULTI"':
            opened[who] = set()
        elif command == '"EXEC"':
            found.append(opened.pop(who))
        elif who in opened:
            opened[who] |= set(_KEY.findall(command))
        elif who == "lua":  # belongs to the EVALSHA that came before
            found[-1] |= set(_KEY.findall(command))
        elif not command.startswith('"SCAN"'):
            found.append(set(_KEY.findall(command)))
    return found


async def monitored(settings: RegistrySettings, key: ModelKey) -> list[str]:
    """Return what Redis says that it was sent while everything is used."""
    url, end = settings.url.get_secret_value(), "the end"
    lines: list[str] = []
    async with (
        redis.asyncio.Redis.from_url(f"{url}?protocol=2") as client,
        client.monitor() as monitor,
        Registry.from_settings(settings) as registry,
    ):
        used = Used(registry)
        await use_everything(used, key)
        public = {name for name in dir(Registry) if not name.startswith("_")}
        assert used.names == public - {"from_settings"}
        await client.echo(end)
        connection: Any = monitor.connection
        while not lines or end not in lines[-1]:
            lines.append((await connection.read_response()).decode())
    return lines


async def test_every_step_stays_in_one_slot(registry_settings: RegistrySettings) -> None:
    key = ModelKey("slots", "everything")
    touched = steps(await monitored(registry_settings, key))
    assert max(len(names) for names in touched) >= 10, "the steps were not seen"
    for names in touched:
        assert len({key_slot(name.encode()) for name in names}) <= 1, names
    common = key_slot(ModelKeys(key).version.encode())
    assert {key_slot(name.encode()) for names in touched for name in names} == {
        common,
        key_slot(EVENTS.encode()),
    }


async def test_a_cluster_refuses_a_step_over_two_slots(client: Any) -> None:
    cluster = (await client.info("cluster"))["cluster_enabled"] == 1
    try:
        await client.mget("one", "other")
        refused = False
    except redis.exceptions.ResponseError:
        refused = True
    assert refused == cluster


def test_models_spread_over_the_slots() -> None:
    keys = [ModelKeys(ModelKey("slots", f"model-{number}")) for number in range(100)]
    assert len({key_slot(names.version.encode()) for names in keys}) > 90
