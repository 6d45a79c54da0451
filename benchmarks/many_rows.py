"""How many rows does a core predict in large requests, against bare uvicorn that reads the body?

    PYTHONPATH=tests .venv/bin/python benchmarks/many_rows.py [--rounds N] [--seconds S]

As ``one_row.py``, with 100 and 10,000 rows of ten numbers in each request as JSON. The limit is
bare uvicorn that reads the same body and gives a ready answer of the same length.
"""

from __future__ import annotations

from pathlib import Path

from comparison import Comparison, compare
from contestants import RIVALS, Task, bare, perennial
from models import make
from options import Options, run

CONNECTIONS = 4
"""Few, or the bodies that wait take longer to receive than a round."""


def main(directory: Path, options: Options) -> list[Comparison]:
    model = make("linear", directory)
    comparisons = []
    for rows in (100, 10_000):
        task = Task(model, directory, rows)
        contestants = [bare(task, task.instances, "--reading"), perennial(task, task.instances)]
        contestants += [RIVALS[rival](task) for rival in options.rivals]
        comparisons.append(
            compare(f"POST, {rows:,} rows, linear", contestants, options, CONNECTIONS)
        )
    return comparisons


if __name__ == "__main__":
    run(main, __doc__, plot="many-rows.svg")
