"""How many rows does a core predict in large requests, against bare uvicorn that reads the body?

    PYTHONPATH=tests .venv/bin/python benchmarks/many_rows.py [--rounds N] [--seconds S]

As ``one_row.py``, with 100 and 10,000 rows of ten numbers in each request: as JSON at
``POST /predict`` and by the Open Inference Protocol (V2), and by that with tensors as bytes. The
limit is bare uvicorn that reads the same body and gives a ready answer of the same length.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from comparison import Comparison, compare
from contestants import RIVALS, Task, bare, perennial
from models import make
from options import Options, run

CONNECTIONS = 4
"""Few, or the bodies that wait take longer to receive than a round."""


def main(directory: Path, options: Options) -> list[Comparison]:
    model = make("linear", directory)
    tasks = [Task(model, directory, rows) for rows in (100, 10_000)]
    return [comparison for task in tasks for comparison in compared(task, options)]


def compared(task: Task, options: Options) -> Iterator[Comparison]:
    rows = f"{task.rows:,} rows"
    contestants = [bare(task, task.instances, "--reading"), perennial(task, task.instances)]
    contestants += [RIVALS[rival](task) for rival in options.rivals]
    yield compare(f"POST, {rows}, linear", contestants, options, CONNECTIONS)
    asked = task.v2("model")
    contestants = [bare(task, asked, "--reading"), perennial(task, asked)]
    yield compare(f"V2, {rows}", contestants, options, CONNECTIONS)
    for datatype in ("FP64", "FP32"):
        asked = task.binary("model", datatype)
        contestants = [bare(task, asked, "--reading", binary=True), perennial(task, asked)]
        yield compare(f"V2, {rows}, {datatype} as bytes", contestants, options, CONNECTIONS)


if __name__ == "__main__":
    run(main, __doc__, plot="many-rows.svg")
