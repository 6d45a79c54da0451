"""How late are the latest of a hundred answers at 80 % of our capacity, against bare uvicorn?

    PYTHONPATH=tests .venv/bin/python benchmarks/tail.py [--rounds N] [--seconds S]

Finds in each round how many one-row requests each answers a second, for that moves with the
machine, then sends four fifths of Perennial's at a steady rate to bare uvicorn and to Perennial in
turn, and four fifths of its own to bare uvicorn. The time counts from when a request was due.

That many are answered when 64 clients ask again at once, so that requests share calls of the model.
At a steady rate they share few, and keep the server's core busy from half of that on.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bars import Bar, Group, colour
from comparison import CONNECTIONS, warm_up
from contestants import Contestant, Task, bare, perennial
from load import Load, generate
from models import make
from options import Options, run

SHARE = 0.8
QUANTILES = (0.5, 0.99)


def main(directory: Path, options: Options) -> list[Group]:
    return [compared(name, directory, options) for name in ("linear", "forest")]


def compared(name: str, directory: Path, options: Options) -> Group:
    task = Task(make(name, directory), directory)
    limit, ours = bare(task, task.instances), perennial(task, task.instances)
    with limit.server, ours.server:
        warm_up(limit)
        warm_up(ours)
        rounds = [in_turn(limit, ours, options) for _ in range(options.rounds)]
    shown = {
        f"{limit.server.name}, at our rate": [each.limit for each in rounds],
        f"{limit.server.name}, at its own": [each.limit_at_its_own for each in rounds],
        ours.server.name: [each.ours for each in rounds],
    }
    print(f"\n{name}: {SHARE:.0%} of what each answers at most")
    bars = []
    for label, loads in shown.items():
        rate = statistics.median(load.rate for load in loads)
        half, late = (milliseconds(loads, quantile) for quantile in QUANTILES)
        print(f"{label:28} {rate:6.0f} a second   median {half:6.2f} ms   p99 {late:6.2f} ms")
        bars.append(Bar(label, late, f"{late:.2f} ms", colour(label)))
    print(f"p99, ratio round by round, median: {ratio(rounds, lambda each: each.limit):.2f}")
    own = ratio(rounds, lambda each: each.limit_at_its_own)
    print(f"p99, of the bare one's at its own rate: {own:.2f}", flush=True)
    return Group(f"p99 of one-row requests at {SHARE:.0%} of capacity, {name}", bars)


@dataclass(frozen=True)
class Round:
    """What came of each load."""

    limit: Load
    """Of the bare server, at four fifths of our capacity."""
    limit_at_its_own: Load
    ours: Load


def in_turn(limit: Contestant, ours: Contestant, options: Options) -> Round:
    """Ask both for their share of what they answer now."""
    most, limits_most = (ask(each, options).rate for each in (ours, limit))
    return Round(
        limit=ask(limit, options, SHARE * most),
        ours=ask(ours, options, SHARE * most),
        limit_at_its_own=ask(limit, options, SHARE * limits_most),
    )


def ratio(rounds: Sequence[Round], against: Callable[[Round], Load]) -> float:
    """Return our p99 as a multiple of the bare server's: the median of the rounds."""
    return statistics.median(
        each.ours.quantile(0.99) / against(each).quantile(0.99) for each in rounds
    )


def ask(contestant: Contestant, options: Options, rate: float | None = None) -> Load:
    return generate(
        contestant.server.port,
        contestant.request,
        seconds=options.seconds,
        connections=CONNECTIONS,
        rate=rate,
    )


def milliseconds(loads: list[Load], share: float) -> float:
    return 1000 * statistics.median(load.quantile(share) for load in loads)


if __name__ == "__main__":
    run(main, __doc__, plot="tail.svg")
