"""Follows the edits of a resource file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from perennial_cli.journal import Journal
from perennial_cli.local.ports import PortTaken
from perennial_cli.local.resource_file import LocalModel, read_resource_file
from perennial_core.errors import UserError

_POLL_SECONDS = 0.3

Stamp = tuple[int, int, int] | None

Check = Callable[[LocalModel], None]
"""Raises a UserError for what parses and cannot be run here."""

_GOES_ON = "going on with what the file said before"


@dataclass(frozen=True)
class _Waiting:
    """An edit that names a port that is taken."""

    edit: LocalModel
    why: str


class WatchedFile:
    """What a resource file says, as of its last edit that made sense.

    Args:
        file: The resource file.
        check: What the file has to pass, from the start.
        journal: Where edits are told.

    Raises:
        UserError: The file is wrong from the start.
    """

    def __init__(self, file: Path, check: Check, journal: Journal) -> None:
        self._file = file
        self._checks = [check]
        self._journal = journal
        self._changed: list[asyncio.Event] = []
        self._waiting: _Waiting | None = None
        self._stamp = self._look()
        self.current = read_resource_file(file)
        check(self.current)

    def subscribe(self, check: Check | None = None) -> asyncio.Event:
        """Return an event that is set at each change; its owner clears it.

        Args:
            check: What its edits have to pass besides.
        """
        if check is not None:
            self._checks.append(check)
        self._changed.append(asyncio.Event())
        return self._changed[-1]

    async def follow(self) -> NoReturn:
        """Read the file again whenever it was changed and has come to rest.

        An edit that was refused for a taken port is looked at again until the port is free.
        """
        last = self._stamp
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            stamp = self._look()
            if stamp == last != self._stamp:
                self._stamp = stamp
                self._reread()
            elif stamp == self._stamp and self._waiting is not None:
                self._consider(self._waiting.edit)
            last = stamp

    def _reread(self) -> None:
        self._waiting = None
        try:
            fresh = read_resource_file(self._file)
            self._check_is_same_model(fresh)
        except UserError as error:
            self._journal.failed(f"{error}; {_GOES_ON}")
        else:
            self._consider(fresh)

    def _consider(self, edit: LocalModel) -> None:
        """Take an edit over, or tell why not; one that waits is not told of again."""
        before, self._waiting = self._waiting, None
        try:
            for check in self._checks:
                check(edit)
        except PortTaken as error:
            self._waiting = _Waiting(edit, str(error))
            if self._waiting != before:
                self._journal.failed(f"{error}; {_GOES_ON} until then")
        except UserError as error:
            self._journal.failed(f"{error}; {_GOES_ON}")
        else:
            self._take_over(edit)

    def _take_over(self, edit: LocalModel) -> None:
        if edit.model == self.current.model:
            self._journal.note(f"{self._file.name} was read again; the model is as before")
        else:
            self._journal.note(f"{self._file.name} was changed")
        self.current = edit
        for event in self._changed:
            event.set()

    def _check_is_same_model(self, fresh: LocalModel) -> None:
        old, new = self.current.model.key, fresh.model.key
        if new != old:
            raise UserError(
                f"{self._file}: metadata: the model was {old} and is {new} now; end this run and"
                " start one for the new model"
            )

    def _look(self) -> Stamp:
        try:
            status = self._file.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
