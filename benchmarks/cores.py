"""Does a predictor with two CPUs answer more than with one?

    PYTHONPATH=tests .venv/bin/python benchmarks/cores.py [--rounds N] [--seconds S]

The same predictor on one CPU and on two: for a cheap model one row, and a hundred rows as JSON,
which two processes answer; for costly ones a hundred rows as bytes, which are predicted in threads.
The load generator needs some of the second CPU: little where answers are costly, most of it where
they are cheap. For each it also prints how many threads of the first process took part in the
predictions, beside that of the event loop: no more than CPUs.
"""

from __future__ import annotations

from pathlib import Path

from bars import Group
from comparison import compare, warm_up
from contestants import PERENNIAL, Contestant, Task, perennial
from load import Request, generate
from models import make
from options import Options, run
from server import CORES

CONNECTIONS = 16
ROWS = 100
_SHARE = 0.05
"""Of the time; threads that were busy for less did not take part."""


def main(directory: Path, options: Options) -> list[Group]:
    linear = make("linear", directory)
    cheap = [Task(linear, directory, rows) for rows in (1, ROWS)]
    costly = [Task(make(name, directory), directory, ROWS) for name in ("large_forest", "kernel")]
    groups = [compared(task, task.instances, options, by_processes=True) for task in cheap]
    return groups + [
        compared(task, task.binary("model", "FP64"), options, by_processes=False) for task in costly
    ]


def compared(task: Task, request: Request, options: Options, *, by_processes: bool) -> Group:
    contestants = [
        perennial(
            task,
            request,
            f"{PERENNIAL}, CPUs: {cpus}",
            CORES[-cpus:],
            workers=cpus if by_processes else 1,
        )
        for cpus in (1, 2)[: len(CORES)]
    ]
    title = f"{task.rows:,} row{'s' if task.rows > 1 else ''}, {task.model.name}"
    group = compare(title, contestants, options, CONNECTIONS)
    for contestant in contestants:
        print(f"{contestant.server.name:32} {predicting(contestant, options)} threads predict")
    return group


def predicting(contestant: Contestant, options: Options) -> int:
    """Return how many threads work beside that of the event loop."""
    with contestant.server as server:
        warm_up(contestant, CONNECTIONS)
        before = server.thread_seconds()
        load = generate(
            server.port, contestant.request, seconds=options.seconds, connections=CONNECTIONS
        )
        after = server.thread_seconds()
    taken = {thread: seconds - before.get(thread, 0.0) for thread, seconds in after.items()}
    del taken[server.process.pid]
    return sum(seconds > _SHARE * load.seconds for seconds in taken.values())


if __name__ == "__main__":
    run(main, __doc__, plot="cores.svg")
