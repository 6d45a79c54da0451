"""Does memory grow with the requests that were answered?

    PYTHONPATH=tests .venv/bin/python benchmarks/leak.py [--seconds S]

Asks for predictions of one and of many rows, at ``POST /predict`` and by the Open Inference
Protocol (V2) in JSON and as bytes, sends requests that are wrong in several ways, opens and closes
connections, all in turn, and prints the resident memory after each turn. The first turns fill
buffers; what then grows from turn to turn leaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
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
REFUSED = 0.25
"""For how much of the time each wrong request is sent."""


def main(directory: Path, options: Options) -> list[Group]:
    model = make("linear", directory)
    one, many = Task(model, directory), Task(model, directory, rows=1000)
    contestant = perennial(one, one.instances)
    answers, bars = 0, []
    with contestant.server as server:
        warm_up(contestant)
        for _ in range(TURNS):
            for request in [*right(one), *right(many), *wrong(one)]:
                seconds = options.seconds * (1.0 if request.expected else REFUSED)
                answers += generate(server.port, request, seconds=seconds, connections=32).answers
            for _connect in range(RECONNECTS):
                answers += generate(server.port, one.instances, seconds=0, connections=16).answers
            used = server.memory() / MEBIBYTE
            print(f"{answers:8} answers  {used:6.1f} MiB", flush=True)
            bars.append(Bar(f"{answers:,} answers", used, f"{used:.1f} MiB", "#2563eb"))
    return [Group("Resident memory after so many answers", bars)]


def right(task: Task) -> list[Request]:
    return [task.instances, task.v2("model"), task.binary("model", "FP64")]


def wrong(task: Task) -> Iterator[Request]:
    """Yield requests that are refused: the right ones with a word changed for one as long."""
    _, text, raw = right(task)
    yield replace(Request.post("/predict", b'{"instances": [["x"]]}'), status=422)
    deep = Request.post("/v2/models/model/infer", b'{"inputs": ' + 5000 * b"[")
    yield replace(deep, status=400)
    for request, word, other in (
        (text, b'"data": [', b'"data": {'),
        (text, b"FP64", b"FP65"),
        (text, b'"shape": [1,', b'"shape": [2,'),
        (raw, b'_size": 80', b'_size": 81'),
        (raw, b"header-content-length: 1", b"header-content-length: 9"),
        (raw, b'"shape": [1,', b'"shape": [2,'),
    ):
        yield Request(request.data.replace(word, other), status=400)


if __name__ == "__main__":
    run(main, __doc__, plot="memory.svg")
