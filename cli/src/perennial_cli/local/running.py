"""What a local run tells the commands that come beside it: where registry and predictor are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from perennial_core.record import Malformed, Record
from perennial_core.settings import RegistrySettings, environment


class Running(Record, frozen=True, kw_only=True):
    """A ``perennial run`` at work."""

    registry: dict[str, str]
    """The variables by which its registry is found; among them may be a password."""
    port: int | None = None
    """Where its predictor answers: the file may name another, to which it has not moved.
    None: the file's; so say runs of earlier releases."""

    def settings(self) -> RegistrySettings:
        prefix = "PERENNIAL_REDIS_"
        told = {name.removeprefix(prefix).lower(): text for name, text in self.registry.items()}
        return RegistrySettings.of(told)  # nothing of our own environment


@contextmanager
def announced(file: Path, connection: RegistrySettings) -> Iterator[Callable[[int], None]]:
    """Tell others of a run while the context is open; the file is for its owner alone.

    Yields:
        What tells them the port of its predictor.
    """

    def tell(port: int) -> None:
        _replace(file, Running(registry=environment(connection), port=port))

    try:
        yield tell
    finally:
        file.unlink(missing_ok=True)


def _replace(file: Path, running: Running) -> None:
    """Write the file at once, so that who reads it meanwhile never sees half of it."""
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as output:
        output.write(running.to_bytes())
    draft.replace(file)


def read_running(file: Path) -> Running | None:
    """Return the run that a file tells of; None: there is no file, or of another release."""
    try:
        return Running.of_bytes(file.read_bytes())
    except (FileNotFoundError, Malformed):
        return None
