"""How late are the latest of a hundred answers at 80 % of our capacity, against bare uvicorn?

    PYTHONPATH=tests .venv/bin/python benchmarks/tail.py [--rounds N] [--seconds S]

Finds in each round how many one-row requests Perennial answers a second, for that moves with the
machine, then sends four fifths of that at a steady rate to bare uvicorn and to Perennial in turn.
The time counts from when a request was due.

That many are answered when 64 clients ask again at once, so that requests share calls of the model.
At a steady rate they share few, and keep the server's core busy from half of that on.
"""

from __future__ import annotations

import statistics
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
    most = statistics.median(capacity for capacity, _ in rounds)
    loads = [pair for _, pair in rounds]
    print(f"\n{name}: {SHARE:.0%} of {most:.0f} requests a second")
    bars = []
    for number, contestant in enumerate((limit, ours)):
        half, late = (milliseconds([pair[number] for pair in loads], q) for q in QUANTILES)
        label = contestant.server.name
        print(f"{label:16} median {half:6.2f} ms   p99 {late:6.2f} ms")
        bars.append(Bar(label, late, f"{late:.2f} ms", colour(label)))
    ratio = statistics.median(b.quantile(0.99) / a.quantile(0.99) for a, b in loads)
    print(f"p99, ratio round by round, median: {ratio:.2f}", flush=True)
    return Group(f"p99 of one-row requests at {SHARE:.0%} of our capacity, {name}", bars)


def in_turn(
    limit: Contestant, ours: Contestant, options: Options
) -> tuple[float, tuple[Load, Load]]:
    """Return our capacity as it is now, and how both bear their share of it."""
    capacity = ask(ours, options).rate
    rate = SHARE * capacity
    return capacity, (ask(limit, options, rate), ask(ours, options, rate))


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
