"""What a local run tells the commands that come beside it: where its registry is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from perennial_core.manifest import Record
from perennial_core.settings import RegistrySettings, environment


class Running(Record):
    """A ``perennial run`` at work."""

    registry: dict[str, str]
    """The variables by which its registry is found; among them may be a password."""
    port: int | None = None
    """The port of ``--port``; None: the resource's."""

    def settings(self) -> RegistrySettings:
        prefix = "PERENNIAL_REDIS_"
        given = {"url": None, "password": None, "ca": None}  # none of our own environment
        told = {name.removeprefix(prefix).lower(): text for name, text in self.registry.items()}
        return RegistrySettings.model_validate(given | told)


@contextmanager
def announced(file: Path, connection: RegistrySettings, port: int | None) -> Iterator[None]:
    """Tell others of a run while the context is open; the file is for its owner alone."""
    running = Running(registry=environment(connection), port=port)
    file.unlink(missing_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as output:
        output.write(running.model_dump_json(by_alias=True))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def read_running(file: Path) -> Running | None:
    """Return the run that a file tells of; None: there is no file, or not yet all of it."""
    try:
        return Running.model_validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
