"""What a local run tells the commands that come beside it: where its registry is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perennial_core.record import Malformed, Record
from perennial_core.settings import RegistrySettings, environment


class Running(Record, frozen=True, kw_only=True):
    """A ``perennial run`` at work."""

    registry: dict[str, str]
    """The variables by which its registry is found; among them may be a password."""
    port: int | None = None
    """The port of ``--port``; None: the resource's."""

    def settings(self) -> RegistrySettings:
        prefix = "PERENNIAL_REDIS_"
        told = {name.removeprefix(prefix).lower(): text for name, text in self.registry.items()}
        return RegistrySettings.of(told)  # nothing of our own environment


@contextmanager
def announced(file: Path, connection: RegistrySettings, port: int | None) -> Iterator[None]:
    """Tell others of a run while the context is open; the file is for its owner alone."""
    running = Running(registry=environment(connection), port=port)
    file.unlink(missing_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as output:
        output.write(running.to_bytes())
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def read_running(file: Path) -> Running | None:
    """Return the run that a file tells of; None: there is no file, or not yet all of it."""
    try:
        return Running.of_bytes(file.read_bytes())
    except (FileNotFoundError, Malformed):
        return None
