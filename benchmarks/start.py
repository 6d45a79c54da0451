"""How long until the first right answer, and how much memory then, against a bare process?

    PYTHONPATH=tests .venv/bin/python benchmarks/start.py [--rounds N]

The bare process imports uvicorn and ONNX Runtime and loads the same ONNX file. It and Perennial
have the libraries of the predictor's image. Each server is
started anew in each round, on one core, with its files in the page cache after a first round that
does not count. Its memory is what is resident after some load, and of that what no file backs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from bars import Bar, Group, colour
from comparison import warm_up
from contestants import PERENNIAL, RIVALS, SERVERS, Contestant, Task
from environments import image_python
from load import generate
from models import make
from options import Options, run
from server import ANONYMOUS, RESIDENT, Server

MEBIBYTE = 1024 * 1024

MEASURED = ("Seconds to the first answer", "s"), ("Memory", "MiB"), ("Anonymous memory", "MiB")


def bare_onnx(task: Task) -> Contestant:
    file = task.directory / "model.onnx"
    file.write_bytes(task.model.fitted.serialized.artifact)
    python, _ = image_python()
    command = [str(python), str(SERVERS / "bare_onnx.py"), "{port}", str(file)]
    return Contestant(Server("bare process", command, task.log("bare-onnx")), task.instances)


def perennial(task: Task) -> Contestant:
    python, paths = image_python()
    environment = {"PERENNIAL_BUNDLE": str(task.model.bundle), "PERENNIAL_PORT": "{port}"}
    command = [str(python), "-m", "perennial_predictor"]
    server = Server(PERENNIAL, command, task.log(PERENNIAL), environment | paths)
    return Contestant(server, task.instances)


def started(make_contestant: Callable[[Task], Contestant], task: Task) -> tuple[float, ...]:
    """Return seconds to the first right answer, and both memories in MiB after a second of load."""
    contestant = make_contestant(task)
    begun = time.perf_counter()
    with contestant.server as server:
        wait(contestant)
        seconds = time.perf_counter() - begun
        warm_up(contestant)
        memory = (server.memory(kind) / MEBIBYTE for kind in (RESIDENT, ANONYMOUS))
        return seconds, *memory


def wait(contestant: Contestant) -> None:
    while True:
        try:
            generate(contestant.server.port, contestant.request, seconds=0, connections=1)
            return
        except (RuntimeError, OSError):
            time.sleep(0.01)


def main(directory: Path, options: Options) -> list[Group]:
    task = Task(make("linear", directory), directory)
    servers: dict[str, Callable[[Task], Contestant]] = {
        "bare process": bare_onnx,
        PERENNIAL: perennial,
    }
    servers |= {name: RIVALS[name] for name in options.rivals}
    rounds = [
        {name: started(each, task) for name, each in servers.items()}
        for _ in range(options.rounds + 1)
    ][1:]
    groups = []
    for number, (title, unit) in enumerate(MEASURED):
        print(f"\n{title:28}        {unit:>4}  ratio")
        bars = []
        for name in servers:
            value = statistics.median(taken[name][number] for taken in rounds)
            ratio = statistics.median(
                taken[name][number] / taken["bare process"][number] for taken in rounds
            )
            print(f"{name:28} {value:11.2f}  {ratio:5.2f}", flush=True)
            bars.append(Bar(name, value, f"{value:.2f} {unit} ({ratio:.2f})", colour(name)))
        groups.append(Group(title, bars))
    return groups


if __name__ == "__main__":
    run(main, __doc__, plot="start.svg")
