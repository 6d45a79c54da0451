"""Which local run answers a person who asked for one."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from perennial_core.manifest import Record


class AskedRun(Record):
    """The run that the last request led to."""

    value: str
    """The request's: that of the annotation perennial.dev/train."""
    run_id: str


def write_asked(file: Path, run: AskedRun) -> None:
    """Tell the commands that wait beside the run."""
    file.write_text(run.model_dump_json(by_alias=True))


def read_asked(file: Path) -> AskedRun | None:
    """Return the run that a file tells of; None: there is no file, or not yet all of it."""
    try:
        return AskedRun.model_validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
