"""What a run of the trainer costs: its whole process against a bare script on the same CSV file.

    .venv/bin/python benchmarks/trainer.py [--rounds N] [--rows N ...]

Starts a Redis of its own. Each round runs four processes on the same file of ten columns, one
after the other:

    trainer   ``perennial-trainer run``: read, check, hash, fit, measure, convert, compare, publish
    streamed  the same by batches of 100,000 rows, with SGDRegressor
    pandas    a script: pandas.read_csv, LinearRegression().fit, joblib.dump
    pyarrow   the same, with pyarrow.csv.read_csv

All run from compiled modules, as in the image. For each number of rows it prints the medians of the
whole processes' seconds, of their CPU seconds and peak resident memory in MiB, and of the rounds'
ratios; with several numbers of rows also the law by which these grow: what the first row costs and
what every further million does.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perennial_cli.local.redis_server import RedisServer
from perennial_core.order import TrainingOrder
from perennial_core.settings import RegistrySettings, Secret, TrainerSettings, environment

COLUMNS = 10
MEBIBYTE = 1024
"""In the kilobytes in which the kernel tells peak memory."""

GENERATE = """
import sys
import numpy as np, pyarrow as pa
from pyarrow import csv
file, rows, columns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random, piece = np.random.default_rng(0), 100_000
weights = np.arange(1.0, columns)
names = [*(f"x{number}" for number in range(1, columns)), "y"]
schema = pa.schema([(name, pa.float64()) for name in names])
with csv.CSVWriter(file, schema) as writer:
    for start in range(0, rows, piece):
        x = random.normal(size=(min(piece, rows - start), columns - 1)).round(6)
        y = (x @ weights + random.normal(size=len(x))).round(6)
        writer.write(pa.table([*x.T, y], schema=schema))
"""

BARE = """
import sys
import joblib
from sklearn.linear_model import LinearRegression
{reader}
estimator = LinearRegression().fit(frame.drop(columns="y"), frame["y"])
joblib.dump(estimator, sys.argv[2])
"""
READERS = {
    "pandas": "import pandas; frame = pandas.read_csv(sys.argv[1])",
    "pyarrow": "from pyarrow import csv; frame = csv.read_csv(sys.argv[1]).to_pandas()",
}
WHAT = ("seconds", "cpu", "mebibytes")
PROGRAMS = ("trainer", "streamed", *READERS)


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    seconds: float
    cpu: float
    """Seconds, of all cores."""
    mebibytes: float
    """The most memory that it had resident."""


def cost(command: Sequence[str], changed: Mapping[str, str]) -> Cost:
    """Run a process to its end.

    The kernel counts the memory of the parent at the start for the child's, so this one stays small
    and imports nothing that is not needed.
    """
    started = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **changed}, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    taken = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return Cost(taken, used.ru_utime + used.ru_stime, used.ru_maxrss / MEBIBYTE)


@dataclass(frozen=True)
class Contest:
    """A file of rows, and the programs that are to train on it."""

    folder: Path
    redis: RegistrySettings
    rows: int

    @property
    def file(self) -> Path:
        return self.folder / f"{self.rows}.csv"

    def generate(self) -> None:
        arguments = [str(self.file), str(self.rows), str(COLUMNS)]
        subprocess.run([sys.executable, "-c", GENERATE, *arguments], check=True)

    def trainer(self, estimator: str = "LinearRegression", **training: Any) -> Cost:
        """Train and publish, whatever was published before."""
        order_file = self.folder / "training.json"
        data = {"uri": f"file://{self.file}", "target": "y", "skipUnchanged": False}
        training |= {"data": data, "estimator": {"class": f"sklearn.linear_model.{estimator}"}}
        order = TrainingOrder.model_validate({"model": "benchmarks/trainer", "training": training})
        order_file.write_text(order.to_text())
        given = TrainerSettings(
            run_id=uuid.uuid4().hex,
            training_file=order_file,
            termination_log=self.folder / "termination",
        )
        command = str(Path(sys.executable).with_name("perennial-trainer"))
        told = {**environment(given), **environment(self.redis)}
        return cost([command, "run"], told | self._compiled)

    def bare(self, reader: str) -> Cost:
        script = BARE.format(reader=READERS[reader])
        dumped = str(self.folder / "model.joblib")
        return cost([sys.executable, "-c", script, str(self.file), dumped], self._compiled)

    @property
    def _compiled(self) -> dict[str, str]:
        """Have Python keep what it compiles, whether or not the user's environment says so."""
        return {
            "PYTHONPYCACHEPREFIX": str(self.folder / "compiled"),
            "PYTHONDONTWRITEBYTECODE": "",
        }

    def round(self) -> dict[str, Cost]:
        streamed = self.trainer("SGDRegressor", streaming={})
        bare = {name: self.bare(name) for name in READERS}
        return {"trainer": self.trainer(), "streamed": streamed, **bare}


@dataclass(frozen=True)
class Medians:
    """What came of all rounds on one file."""

    rounds: Sequence[Mapping[str, Cost]]

    def of(self, name: str, what: str) -> float:
        return float(statistics.median(getattr(each[name], what) for each in self.rounds))

    def times(self, name: str, what: str) -> float:
        """Return how many times what a program takes the trainer takes."""
        pairs = ((each["trainer"], each[name]) for each in self.rounds)
        ratios = [getattr(ours, what) / getattr(bare, what) for ours, bare in pairs]
        return float(statistics.median(ratios))


def compare(contest: Contest, rounds: int) -> Medians:
    """Run all rounds on one file, and print what came of them."""
    contest.generate()
    contest.round()  # the file and the libraries are in the page cache from here on
    found = Medians([contest.round() for _ in range(rounds)])
    for name in PROGRAMS:
        taken = [found.of(name, what) for what in WHAT]
        line = f"{contest.rows:>10,}  {name:8}" + "".join(f" {value:9.2f}" for value in taken)
        if name in READERS:
            line += "   " + "".join(f" {found.times(name, what):6.2f}" for what in WHAT)
        print(line, flush=True)
    contest.file.unlink()
    return found


def print_laws(found: Mapping[int, Medians]) -> None:
    """Print the straight lines through what the programs took, by least squares of the ratios."""
    for name in PROGRAMS:
        for what in WHAT:
            base, slope = line_through({rows: each.of(name, what) for rows, each in found.items()})
            print(f"{name:8} {what:9} {base:8.2f} + {1e6 * slope:.2f} a million rows")


def line_through(points: Mapping[int, float]) -> tuple[float, float]:
    """Return value at zero and slope; what counts of a distance is its share of the value."""
    weights = [1 / value**2 for value in points.values()]
    total = sum(weights)
    x = sum(w * rows for w, rows in zip(weights, points, strict=True)) / total
    y = sum(w * value for w, value in zip(weights, points.values(), strict=True)) / total
    pairs = list(zip(weights, points.items(), strict=True))
    slope = sum(w * (rows - x) * (value - y) for w, (rows, value) in pairs) / sum(
        w * (rows - x) ** 2 for w, (rows, _) in pairs
    )
    return y - slope * x, slope


def main() -> None:
    parser = argparse.ArgumentParser(description="A run of the trainer against bare scripts.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        with RedisServer(folder, None) as server:
            redis = RegistrySettings(url=Secret(server.url))
            print("      rows  program    seconds     CPU s       MiB    trainer is x times these")
            found = {
                rows: compare(Contest(folder, redis, rows), given.rounds) for rows in given.rows
            }
    if len(found) > 1:
        print_laws(found)


if __name__ == "__main__":
    main()
