"""From how many concurrent one-row requests on does it pay to predict them together?

    PYTHONPATH=tests .venv/bin/python benchmarks/batching.py [--rounds N] [--seconds S]

Perennial against itself without batches, for models of growing cost, and for more and more
connections that each ask again once they have their answer. Above 1, batches win.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bars import Bar, Group
from comparison import compare
from contestants import PERENNIAL, SERVERS, Contestant, Task, perennial
from models import make
from options import Options, run
from server import Server

CONNECTIONS = (1, 4, 16, 64)


def unbatched(task: Task) -> Contestant:
    environment = {"PERENNIAL_BUNDLE": str(task.model.bundle), "PERENNIAL_PORT": "{port}"}
    command = [sys.executable, str(SERVERS / "unbatched.py")]
    log = task.log("unbatched")
    return Contestant(Server("each alone", command, log, environment), task.instances)


def main(directory: Path, options: Options) -> list[Group]:
    groups = []
    for name in ("linear", "forest", "kernel"):
        task = Task(make(name, directory), directory)
        bars = []
        for connections in CONNECTIONS:
            contestants = [unbatched(task), perennial(task, task.instances)]
            title = f"{name}, {connections} connections"
            compared = compare(title, contestants, options, connections)
            ratio = compared.bars[1].value
            bars.append(Bar(f"{connections} connections", ratio, f"{ratio:.2f}", "#2563eb"))
        groups.append(Group(f"{name}: {PERENNIAL}, as a multiple of each request alone", bars))
    return groups


if __name__ == "__main__":
    run(main, __doc__, plot="batching.svg")
