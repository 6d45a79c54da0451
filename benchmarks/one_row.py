"""How many one-row requests does a core answer, against bare uvicorn with a ready answer?

    PYTHONPATH=tests .venv/bin/python benchmarks/one_row.py [--rounds N] [--seconds S]

Server and load generator have a core each. In each round every server is asked in turn, on 64
connections that stay open. It prints answers a second, and answers for each second of the server's
own CPU time, which other load on the machine changes least; both relative to bare uvicorn.
Perennial is asked at ``POST /predict``, and by the Open Inference Protocol (V2) in JSON.
``--rivals ''`` leaves the other servers out, else they are installed at first.
"""

from __future__ import annotations

from pathlib import Path

from comparison import Comparison, compare
from contestants import PERENNIAL, RIVALS, Task, bare, fastapi_app, flask_app, perennial
from load import Request
from models import make
from options import Options, run


def by_post(name: str, directory: Path, options: Options) -> Comparison:
    task = Task(make(name, directory), directory)
    return compare(
        f"POST, one row, {name}",
        [
            bare(task, task.instances),
            perennial(task, task.instances),
            perennial(task, task.v2("model"), f"{PERENNIAL}, V2"),
            *(RIVALS[rival](task) for rival in options.rivals),
        ],
        options,
    )


def by_get(directory: Path, options: Options) -> Comparison:
    task = Task(make("point", directory), directory)
    request = Request.get("/?msg=100", b'"prediction":20')
    rivals = {"fastapi": fastapi_app, "flask": flask_app}
    others = [rivals[name](task, request) for name in options.rivals if name in rivals]
    contestants = [bare(task, request), perennial(task, request), *others]
    return compare("GET /?msg=100", contestants, options)


def main(directory: Path, options: Options) -> list[Comparison]:
    comparisons = [by_post(name, directory, options) for name in ("linear", "forest")]
    return [*comparisons, by_get(directory, options)]


if __name__ == "__main__":
    run(main, __doc__, plot="one-row.svg")
