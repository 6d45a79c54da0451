"""Asks servers in turn, round by round, and tells how each compares with the first."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bars import Bar, Group, colour
from contestants import Contestant
from load import generate
from options import Options

CONNECTIONS = 64
_WARM_UP_SECONDS = 0.3
_PATIENCE_SECONDS = 90.0


@dataclass(frozen=True)
class Measured:
    """What one server did in all rounds: medians."""

    name: str
    rate: float
    """Answers a second."""
    ratio: float
    """Of the first server's rate, round by round."""
    cpu_rate: float
    """Answers for each second of its CPU time."""
    cpu_ratio: float
    """Of the first server's, round by round."""


class Comparison(Group):
    """Servers that were asked for the same."""

    def __init__(self, title: str, measured: Sequence[Measured]) -> None:
        bars = [Bar(m.name, m.ratio, f"{m.ratio:.3f}", colour(m.name)) for m in measured]
        super().__init__(title, bars)


def compare(
    title: str,
    contestants: Sequence[Contestant],
    options: Options,
    connections: int = CONNECTIONS,
) -> Comparison:
    """Ask all servers in each round; print and return how they compare with the first."""
    with ExitStack() as stack:
        for contestant in contestants:
            stack.enter_context(contestant.server)
            warm_up(contestant, connections)
        taken = [
            [_ask(each, options.seconds, connections) for each in contestants]
            for _ in range(options.rounds)
        ]
    measured = [
        _measured(each.server.name, [row[i] for row in taken], [row[0] for row in taken])
        for i, each in enumerate(contestants)
    ]
    _print(title, measured)
    return Comparison(title, measured)


def warm_up(contestant: Contestant, connections: int = CONNECTIONS) -> None:
    """Ask until the answers are right: a server listens before it has loaded its model."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            _ask(contestant, _WARM_UP_SECONDS, connections)
            return
        except (RuntimeError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def capacity(contestant: Contestant, options: Options) -> float:
    """Return how many answers a second a server gives that runs."""
    rates = (_ask(contestant, options.seconds, CONNECTIONS)[0] for _ in range(options.rounds))
    return statistics.median(rates)


def _ask(contestant: Contestant, seconds: float, connections: int) -> tuple[float, float]:
    """Return answers a second, and answers for each second of the server's CPU time."""
    server = contestant.server
    before = server.cpu_seconds()
    load = generate(server.port, contestant.request, seconds=seconds, connections=connections)
    return load.rate, load.answers / max(server.cpu_seconds() - before, 0.001)


def _measured(
    name: str, own: Sequence[tuple[float, float]], first: Sequence[tuple[float, float]]
) -> Measured:
    rates = [statistics.median(row[kind] for row in own) for kind in (0, 1)]
    ratios = [
        statistics.median(a[kind] / b[kind] for a, b in zip(own, first, strict=True))
        for kind in (0, 1)
    ]
    return Measured(name, rates[0], ratios[0], rates[1], ratios[1])


def _print(title: str, measured: Sequence[Measured]) -> None:
    print(f"\n{title:32} answers/s  ratio   answers/CPU s  ratio")
    for one in measured:
        print(
            f"{one.name:32} {one.rate:9.0f}  {one.ratio:5.3f}   {one.cpu_rate:13.0f}"
            f"  {one.cpu_ratio:5.3f}",
            flush=True,
        )
