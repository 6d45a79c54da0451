"""What the registry costs: publish and verified load against raw SET and GET of the same bytes.

    PYTHONPATH=tests .venv/bin/python benchmarks/registry.py [--rounds N]

Starts a Redis of its own, with an append-only file as the chart's Redis has. Each round does all
four with the same bytes, one after the other:

    SET      redis-py, one key
    publish  artifact, manifest and version key in one step, and the hint; its digest is checked
    GET      redis-py, the same key
    load     a version's manifest and artifact, whose digest is verified

It prints the medians in milliseconds, and the medians of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import redis.asyncio
from builders import NOW, manifest_body

from perennial_cli.local.redis_server import RedisServer
from perennial_core.identity import ModelKey, Version
from perennial_core.registry import Registry
from perennial_core.settings import MEBIBYTE, RegistrySettings

KEY = ModelKey("benchmarks", "registry")
SIZES = {"10 KiB": 10 * 1024, "1 MiB": MEBIBYTE, "64 MiB": 64 * MEBIBYTE}


async def milliseconds(work: Awaitable[object]) -> float:
    started = time.perf_counter()
    await work
    return 1000 * (time.perf_counter() - started)


async def load(registry: Registry) -> bytes:
    manifest = await registry.manifest(KEY, Version(1))
    return await registry.artifact(KEY, manifest.digest)


async def one_round(client: Any, registry: Registry, run: str, size: int) -> list[float]:
    """Return the milliseconds of SET, publish, GET and load."""
    artifact = os.urandom(size)
    body = manifest_body(KEY, artifact, run)
    taken = [
        await milliseconds(client.set("raw", artifact)),
        await milliseconds(registry.publish(KEY, body, artifact, started=NOW)),
        await milliseconds(client.get("raw")),
        await milliseconds(load(registry)),
    ]
    await client.delete("raw")
    await registry.purge(KEY)
    return taken


async def compare(url: str, rounds: int) -> None:
    print("artifact   SET ms  publish ms  ratio   GET ms  load ms  ratio")
    async with (
        redis.asyncio.Redis.from_url(url, socket_timeout=120) as client,
        Registry.from_settings(RegistrySettings.of({"url": url})) as registry,
    ):
        for name, size in SIZES.items():
            await one_round(client, registry, "warm-up", size)
            taken = [
                await one_round(client, registry, f"run-{number}", size) for number in range(rounds)
            ]
            set_, publish, get, loaded = map(statistics.median, zip(*taken, strict=True))
            publishing = statistics.median(row[1] / row[0] for row in taken)
            loading = statistics.median(row[3] / row[2] for row in taken)
            print(
                f"{name:8} {set_:8.2f}  {publish:10.2f}  {publishing:5.1f}"
                f" {get:8.2f} {loaded:8.2f}  {loading:5.1f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description="Publish and load against raw SET and GET.")
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        # no rewrite of the append-only file in the middle of a round
        options = ("--auto-aof-rewrite-percentage", "0")
        with RedisServer(Path(directory), None, *options) as server:
            asyncio.run(compare(server.url, rounds))


if __name__ == "__main__":
    main()
