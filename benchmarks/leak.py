"""Does memory grow with the requests that were answered?

    PYTHONPATH=tests .venv/bin/python benchmarks/leak.py [--seconds S]

Asks for predictions of one and of many rows, sends wrong requests, and opens and closes
connections, in turn, and prints the resident memory after each turn. The first turns fill buffers;
what then grows from turn to turn leaks.
"""

from __future__ import annotations

from pathlib import Path

from bars import Bar, Group
from comparison import warm_up
from contestants import Task, perennial
from load import Request, generate
from models import make
from options import Options, run

MEBIBYTE = 1024 * 1024
TURNS = 10
RECONNECTS = 20


def main(directory: Path, options: Options) -> list[Group]:
    model = make("linear", directory)
    task, large = Task(model, directory), Task(model, directory, rows=1000)
    wrong = Request.post("/predict", b'{"instances": [["x"]]}')
    requests = [task.instances, large.instances, Request(wrong.data, status=422)]
    contestant = perennial(task, task.instances)
    answers, bars = 0, []
    with contestant.server as server:
        warm_up(contestant)
        for _ in range(TURNS):
            for request in requests:
                load = generate(server.port, request, seconds=options.seconds, connections=32)
                answers += load.answers
            for _connect in range(RECONNECTS):
                answers += generate(server.port, requests[0], seconds=0, connections=16).answers
            used = server.memory() / MEBIBYTE
            print(f"{answers:8} answers  {used:6.1f} MiB", flush=True)
            bars.append(Bar(f"{answers:,} answers", used, f"{used:.1f} MiB", "#2563eb"))
    return [Group("Resident memory after so many answers", bars)]


if __name__ == "__main__":
    run(main, __doc__, plot="memory.svg")
