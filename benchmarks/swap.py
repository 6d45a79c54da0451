"""How soon does a new version answer, and do requests notice, under a steady load?

    PYTHONPATH=tests .venv/bin/python benchmarks/swap.py [--rounds N] [--seconds S]

A predictor follows a registry, in a Redis of its own, as with HotSwap and in local mode. It answers
one-row requests at a share of its capacity while, once a second and six times a round, the registry
is told that the next version serves. The clock starts before that is written, and stops with the
first answer that bears the version. Latencies from when it is written, by the load generator
itself, until a tenth of a second after that answer are compared with those in half a second in
which nothing happens; memory after the last swap with that of the one model before the first.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from bars import Bar, Group, colour
from comparison import CONNECTIONS, capacity, warm_up
from contestants import BARE, PERENNIAL, Contestant, Task
from load import Load, generating
from load import run as awaited
from models import Model, make
from options import Options, run
from served_models import KEY, publish
from server import Server
from serving import APPROVAL

from perennial_cli.local.redis_server import RedisServer
from perennial_core.identity import Version
from perennial_core.registry import Registry, Serving
from perennial_core.settings import (
    MEBIBYTE,
    PredictorSettings,
    RegistrySettings,
    Secret,
    environment,
)

PARTS = 10, 5, 3
"""Parts of the capacity, one of which is asked for."""
SWAPS = 6
"""In each round."""
PERIOD = 1.0
"""Seconds from one swap to the next."""
AFTER = 0.1
"""For so many seconds after its first answer a version may still be at work: the old model is let
go, and the new one written to disk."""
STEADY = 0.5, 1.0
"""From when to when after each swap nothing happens."""

_VERSION = re.compile(rb"\r\nx-model-version: (\d+)")


@dataclass
class Answers:
    """When answers were due, when they came, and which version gave them."""

    seen: list[tuple[float, float, int]] = field(default_factory=list)

    def __call__(self, due: float, came: float, answer: bytearray) -> None:
        version = _VERSION.search(answer)
        assert version is not None
        self.seen.append((due, came, int(version[1])))

    def first_by(self, version: int) -> float:
        """Return when a version first answered, or one after it that took its place so soon."""
        return min(came for _, came, by in self.seen if by >= version)

    def latencies(self, begin: float, end: float) -> list[float]:
        """Return those of what was due in a span of time."""
        return [came - due for due, came, _ in self.seen if begin <= due < end]


@dataclass(frozen=True)
class Swap:
    """When a version was named: the registry is told of it in between."""

    version: Version
    begun: float
    told: float


@dataclass(frozen=True)
class Swaps:
    """What came of all swaps under one load."""

    swaps: Sequence[Swap]
    answers: Answers

    def seconds(self) -> list[float]:
        """Return how long each version took to its first answer."""
        return [self.answers.first_by(swap.version) - swap.begun for swap in self.swaps]

    def late_during(self) -> float:
        """Return the p99 in seconds of all that was due during a swap."""
        ends = [self.answers.first_by(swap.version) + AFTER for swap in self.swaps]
        return self._late(zip([swap.told for swap in self.swaps], ends, strict=True))

    def late_else(self) -> float:
        """Return the same of what was due while nothing happened."""
        begin, end = STEADY
        return self._late((swap.begun + begin, swap.begun + end) for swap in self.swaps)

    def _late(self, spans: Iterable[tuple[float, float]]) -> float:
        latencies = chain.from_iterable(self.answers.latencies(*span) for span in spans)
        return Load(latencies=list(latencies)).quantile(0.99)


def main(directory: Path, options: Options) -> list[Group]:
    return [group for name in ("linear", "forest") for group in swapped(name, directory, options)]


def swapped(name: str, directory: Path, options: Options) -> Iterator[Group]:
    model = make(name, directory)
    number = SWAPS * options.rounds
    with RedisServer(directory / f"redis-{name}") as redis:
        registry = RegistrySettings(url=Secret(redis.url))
        versions = awaited(published(registry, model, 1 + len(PARTS) * number))
        follower = following(Task(model, directory), registry)
        with follower.server as server:
            warm_up(follower)
            most = capacity(follower, options)
            alone = server.memory() / MEBIBYTE
            for turn, part in enumerate(PARTS):
                first = 1 + turn * number
                next_ones = versions[first : first + number]
                used, begun = server.cpu_seconds(), time.perf_counter()
                swaps = awaited(swap_all(follower, registry, next_ones, most / part))
                busy = (server.cpu_seconds() - used) / (time.perf_counter() - begun)
                print(f"\n{name}, {most / part:.0f} requests a second, {busy:.2f} of the core")
                yield reported(f"{name}, 1/{part} of capacity", swaps)
            time.sleep(PERIOD)
            after = server.memory() / MEBIBYTE
    memory = {"one model": alone, f"after {len(PARTS) * number} swaps": after}
    yield compared(f"Memory, {name}", "MiB", memory)


def reported(title: str, swaps: Swaps) -> Group:
    """Print how soon versions answered, and print and return how late requests were meanwhile."""
    taken = [1000 * seconds for seconds in swaps.seconds()]
    print(f"{len(taken)} swaps to the first answer: {_spread(taken)}")
    late = {"no swap": 1000 * swaps.late_else(), "during a swap": 1000 * swaps.late_during()}
    return compared(f"p99, {title}", "ms", late)


def compared(title: str, unit: str, values: Mapping[str, float]) -> Group:
    """Print and return how the second of two values compares with the first."""
    first, second = values.values()
    shown = ", ".join(f"{label} {value:.2f} {unit}" for label, value in values.items())
    print(f"{title}: {shown}, ratio {second / first:.2f}", flush=True)
    colours = colour(BARE), colour(PERENNIAL)
    bars = [
        Bar(label, value, f"{value:.2f} {unit}", shade)
        for (label, value), shade in zip(values.items(), colours, strict=True)
    ]
    return Group(title, bars)


def _spread(milliseconds: Sequence[float]) -> str:
    median = statistics.median(milliseconds)
    return f"median {median:.1f} ms, {min(milliseconds):.1f} to {max(milliseconds):.1f} ms"


async def published(settings: RegistrySettings, model: Model, number: int) -> list[Serving]:
    """Publish and approve so many versions, of which the first serves."""
    async with Registry.from_settings(settings) as registry:
        versions = [await publish(registry, KEY, model.fitted, serve=False) for _ in range(number)]
        for each in versions:
            await registry.decide(KEY, each.version, APPROVAL)
        await registry.set_serving(KEY, versions[0])
        return versions


def following(task: Task, registry: RegistrySettings) -> Contestant:
    """Return a predictor that serves what the registry names."""
    cache = task.directory / f"cache-{task.model.name}"
    own = environment(PredictorSettings(model=str(KEY), cache_directory=cache))
    command = [sys.executable, "-m", "perennial_predictor"]
    variables = {**own, **environment(registry), "PERENNIAL_PORT": "{port}"}
    server = Server(PERENNIAL, command, task.log("following"), variables)
    return Contestant(server, task.instances)


async def swap_all(
    follower: Contestant, settings: RegistrySettings, versions: Sequence[Serving], rate: float
) -> Swaps:
    """Let one version after the other serve, under a steady load."""
    answers = Answers()
    seconds = PERIOD * (len(versions) + 2)
    load = asyncio.create_task(
        generating(
            follower.server.port,
            follower.request,
            seconds=seconds,
            connections=CONNECTIONS,
            rate=rate,
            watch=answers,
        )
    )
    swaps = []
    async with Registry.from_settings(settings) as registry:
        for version in versions:
            await asyncio.sleep(PERIOD)
            begun = time.perf_counter()
            await registry.set_serving(KEY, version)
            swaps.append(Swap(version.version, begun, time.perf_counter()))
        await load
    return Swaps(swaps, answers)


if __name__ == "__main__":
    run(main, __doc__, plot="swap.svg")
