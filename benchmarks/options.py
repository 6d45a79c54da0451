"""What all of these programs take, and what they do with it."""

from __future__ import annotations

import argparse
import gc
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bars
from server import keep_to_client_core

RIVALS = "fastapi,flask,mlserver,kserve,bentoml"


@dataclass(frozen=True)
class Options:
    """How it is measured."""

    rounds: int
    seconds: float
    """Of each server in each round."""
    rivals: Sequence[str]


def run(
    measure: Callable[[Path, Options], Sequence[bars.Group]], described: str | None, plot: str
) -> None:
    """Measure as the command line says, and draw the result where it says so."""
    parser = argparse.ArgumentParser(description=(described or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.7)
    parser.add_argument("--rivals", default=RIVALS, help=f"by default {RIVALS}")
    parser.add_argument("--plots", type=Path, help=f"a folder, in which {plot} is written")
    given = parser.parse_args()
    rivals = [name for name in given.rivals.split(",") if name]
    keep_to_client_core()
    gc.freeze()  # else a collection, which looks through all that is imported, makes answers late
    with tempfile.TemporaryDirectory() as directory:
        groups = measure(Path(directory), Options(given.rounds, given.seconds, rivals))
    if given.plots:
        given.plots.mkdir(parents=True, exist_ok=True)
        (given.plots / plot).write_text(bars.drawn(groups))
