"""Which local run answers a person who asked for one."""

from __future__ import annotations

from pathlib import Path

from perennial_core.record import Malformed, Record


class AskedRun(Record, frozen=True, kw_only=True):
    """The run that the last request led to."""

    value: str
    """The request's: that of the annotation perennial.dev/train."""
    run_id: str


def write_asked(file: Path, run: AskedRun) -> None:
    """Tell the commands that wait beside the run."""
    file.write_bytes(run.to_bytes())


def read_asked(file: Path) -> AskedRun | None:
    """Return the run that a file tells of; None: there is no file, or not yet all of it."""
    try:
        return AskedRun.of_bytes(file.read_bytes())
    except (FileNotFoundError, Malformed):
        return None
