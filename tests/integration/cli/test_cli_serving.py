"""Which version serves: the newest that loads, or the pinned one, as in the cluster."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

from builders import NOW, manifest_body, spec_hash
from local_run import PATIENCE_SECONDS, LocalRun, suspended
from served_models import line, publish, published
from tritonclient.grpc import InferenceServerClient

from perennial_cli.local.redis_server import RedisServer, free_port
from perennial_core.identity import ModelKey
from perennial_core.registry import Registry
from perennial_core.resource import PredictionModel
from perennial_core.settings import RegistrySettings

KEY = ModelKey("tests", "points")
SPEC_HASH = spec_hash(PredictionModel.parse(suspended()))
"""Of the spec that the file holds: a version of another one comes too late to serve."""
LATEST: dict[str, Any] = {"serve": False, "training_spec_hash": SPEC_HASH}


async def only_retains(registry: Registry, version: int) -> None:
    """Wait until all other versions are gone."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await registry.snapshot(KEY)).versions != (version,):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.1)


async def test_a_version_that_does_not_load_goes_back_and_the_next_one_serves(
    tmp_path: Path, own_redis: RedisServer
) -> None:
    rollout = {"progressDeadlineSeconds": 10, "historyLimit": 1}
    run = LocalRun(tmp_path, suspended(rollout=rollout), "--redis-url", own_redis.url)
    async with Registry.from_settings(RegistrySettings.of({"url": own_redis.url})) as registry:
        await publish(registry, KEY, line(), **LATEST)
        with run:
            await asyncio.to_thread(run.serves, 1)
            damaged = b"no model"
            body = manifest_body(KEY, damaged, "bad")
            body = body.changed(training_spec_hash=SPEC_HASH)
            await registry.publish(KEY, body, damaged, started=NOW)
            await asyncio.to_thread(run.prints, "version 2 does not serve after 10 s")
            assert run.output().rstrip().endswith("; going back to version 1")
            assert run.version() == 1
            snapshot = await registry.snapshot(KEY)
            assert (list(snapshot.failures), snapshot.versions) == ([2], (1, 2))
            await publish(registry, KEY, line(slope=3.0), **LATEST)
            await asyncio.to_thread(run.serves, 3)
            await only_retains(registry, 3)


def test_a_pinned_version_serves_until_it_is_unpinned(
    tmp_path: Path, own_redis: RedisServer
) -> None:
    for slope in (2.0, 3.0):
        settings = RegistrySettings.of({"url": own_redis.url})
        published(settings, KEY, line(slope), **LATEST)
    with LocalRun(tmp_path, suspended(), "--redis-url", own_redis.url) as run:
        run.serves(2)
        run.edit(suspended(rollout={"pinnedVersion": 1}))
        run.prints("serving version 1 (pinned) at")
        assert round(run.prediction(), 3) == 203.0
        run.edit(suspended(rollout={"pinnedVersion": 99}))
        run.prints("spec.rollout.pinnedVersion: version 99 is not retained; retained: 1, 2")
        assert run.version() == 1
        run.edit(suspended())
        run.serves(2)
        assert round(run.prediction(), 3) == 303.0


def test_grpc_is_answered_where_the_file_says(tmp_path: Path, own_redis: RedisServer) -> None:
    published(RegistrySettings.of({"url": own_redis.url}), KEY, line(), **LATEST)
    first, second = (f"127.0.0.1:{free_port()}" for _ in range(2))
    with LocalRun(tmp_path, speaking_grpc(first), "--redis-url", own_redis.url) as run:
        run.serves(1)
        assert InferenceServerClient(first).is_model_ready("points")
        run.edit(speaking_grpc(second))
        run.prints(f"to port {run.port}, {second.rpartition(':')[2]} for gRPC")
        run.serves(1)
        assert InferenceServerClient(second).is_model_ready("points")
        run.edit(speaking_grpc(f"127.0.0.1:{run.port}"))
        run.prints(f"spec.serving.grpcPort: {run.port} is that of --port; give another")
        assert run.version() == 1


def test_an_edit_to_a_taken_port_changes_nothing(tmp_path: Path, own_redis: RedisServer) -> None:
    published(RegistrySettings.of({"url": own_redis.url}), KEY, line(), **LATEST)
    with (
        LocalRun(tmp_path, suspended(), "--redis-url", own_redis.url) as run,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        run.serves(1)
        address = f"127.0.0.1:{other.getsockname()[1]}"
        run.edit(speaking_grpc(address))
        run.prints(f"port {address.rpartition(':')[2]}: Address already in use; name another with")
        run.prints("spec.serving.grpcPort, or free it; going on with what the file said before")
        assert run.version() == 1
        assert "moving from" not in run.output()


def speaking_grpc(address: str) -> dict[str, Any]:
    """Return the resource with the port of this address for gRPC."""
    return suspended(serving={"grpcPort": int(address.rpartition(":")[2])})
