"""Asks servers in turn, round by round, and prints how each compares with the first."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from contestants import Contestant
from load import generate

CONNECTIONS = 64
_WARM_UP_SECONDS = 0.3
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Measured:
    """What one server did in all rounds."""

    name: str
    rate: float
    """Answers a second, median."""
    ratio: float
    """Of the first server's rate, round by round, median."""
    cpu_rate: float
    """Answers for each second of its CPU time, median."""
    cpu_ratio: float


def compare(
    title: str, contestants: Sequence[Contestant], rounds: int, seconds: float
) -> list[Measured]:
    """Ask all servers in each round; print and return how they compare with the first."""
    with ExitStack() as stack:
        for contestant in contestants:
            stack.enter_context(contestant.server)
            _warm_up(contestant)
        taken = [[_ask(each, seconds) for each in contestants] for _ in range(rounds)]
    measured = [
        _measured(each.server.name, [row[i] for row in taken], [row[0] for row in taken])
        for i, each in enumerate(contestants)
    ]
    _print(title, measured)
    return measured


def _warm_up(contestant: Contestant) -> None:
    """Ask until the answers are right: a server listens before it has loaded its model."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            _ask(contestant, _WARM_UP_SECONDS)
            return
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _ask(contestant: Contestant, seconds: float) -> tuple[float, float]:
    """Return answers a second, and answers for each second of the server's CPU time."""
    server = contestant.server
    before = server.cpu_seconds()
    load = generate(server.port, contestant.request, seconds=seconds, connections=CONNECTIONS)
    return load.rate, load.answers / max(server.cpu_seconds() - before, 0.001)


def _measured(
    name: str, own: list[tuple[float, float]], first: list[tuple[float, float]]
) -> Measured:
    rates = [statistics.median(row[kind] for row in own) for kind in (0, 1)]
    ratios = [
        statistics.median(a[kind] / b[kind] for a, b in zip(own, first, strict=True))
        for kind in (0, 1)
    ]
    return Measured(name, rates[0], ratios[0], rates[1], ratios[1])


def _print(title: str, measured: Sequence[Measured]) -> None:
    print(f"\n{title:32}  answers/s  ratio   answers/CPU s  ratio")
    for one in measured:
        print(
            f"{one.name:32} {one.rate:10.0f}  {one.ratio:5.3f}   {one.cpu_rate:13.0f}"
            f"  {one.cpu_ratio:5.3f}",
            flush=True,
        )
