"""Copies prediction requests to a shadow and compares what it answers; clients never notice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog
from starlette.types import Scope

from perennial_core.manifest import Task
from perennial_predictor.comparison import Unreadable, compare
from perennial_predictor.shadow_tally import ShadowTally

_log = structlog.get_logger(__name__)

MARK = b"x-perennial-shadow"
"""The header of a copied request, which is not copied again."""

_MOST_UNDER_WAY = 32
_PAUSE_SECONDS = 1.0
"""How long nothing is sent after nothing listened."""
_INLINE_BYTES = 32 * 1024
"""What is longer is made, and compared, in a thread."""


class ShadowAway(Exception):
    """Nothing listens at the shadow's address."""


class ShadowFailed(Exception):
    """The shadow did not answer, not in time, or with an error."""

    def __init__(self, text: str, version: str = "") -> None:
        super().__init__(text)
        self.version = version
        """That with which it answered."""


@dataclass(frozen=True)
class Copy:
    """A request that was answered."""

    method: str
    target: str
    """Path and query, as they were sent."""
    body: bytes
    answer: bytes
    """What the client got, as JSON."""
    task: Task
    json_size: int | None = None
    """How many bytes of the body are JSON, where tensors follow as bytes; None: all."""

    @property
    def size(self) -> int:
        return len(self.target) + len(self.body) + len(self.answer)


@dataclass(frozen=True)
class ShadowAnswer:
    """What the shadow answered."""

    version: str
    """Of its header X-Model-Version; "" without one."""
    body: bytes


Make = Callable[[], Copy | None]
"""Makes a copy, once the client has its answer; None where it could not be compared."""


class Shadow(Protocol):
    """The shadow, as HTTP reaches it."""

    async def ask(self, copy: Copy) -> ShadowAnswer:
        """Send a copy.

        Raises:
            ShadowAway: Nothing listens.
            ShadowFailed: There is no answer with predictions.
        """

    async def close(self) -> None:
        """Close all connections."""


class Mirror:
    """Sends copies in the background: few at a time, each of them once, and none when in doubt.

    Args:
        shadow: Answers the copies.
        tally: Counts what comes of them.
        most_bytes: How much the copies under way may take together.
    """

    def __init__(self, shadow: Shadow, tally: ShadowTally, most_bytes: int) -> None:
        self._shadow = shadow
        self._tally = tally
        self._most_bytes = most_bytes
        self._under_way: set[asyncio.Task[None]] = set()
        self._bytes = 0
        self._quiet_until = 0.0
        self._is_told = False

    def after(
        self, scope: Scope, body: bytes, answer: bytes, task: Task
    ) -> Callable[[], None] | None:
        """Return what is to be done once a request has been answered."""
        copy = _copy(scope, body, answer, task)
        return self.after_making(scope, copy.size, lambda: copy)

    def after_making(self, scope: Scope, size: int, make: Make) -> Callable[[], None] | None:
        """Return the same for a request whose copy is yet to be made.

        Args:
            scope: Of the request; one that is a copy is not copied again.
            size: How many bytes the copy takes, about.
            make: Makes it.
        """
        if any(name == MARK for name, _ in scope["headers"]):
            return None
        return partial(self.offer, size, make)

    def offer(self, size: int, make: Make) -> None:
        """Begin to make and send a copy, or drop it; takes no time in either case.

        Args:
            size: How many bytes the copy takes, about.
            make: Makes it.
        """
        if not self._has_room(size) or time.monotonic() < self._quiet_until:
            self._tally.dropped()
            return
        self._bytes += size
        sending = asyncio.create_task(self._send(size, make))
        self._under_way.add(sending)
        sending.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Give up what is under way."""
        for sending in self._under_way:
            sending.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._shadow.close()

    def _has_room(self, size: int) -> bool:
        room = self._most_bytes - self._bytes
        return len(self._under_way) < _MOST_UNDER_WAY and size <= room

    async def _send(self, size: int, make: Make) -> None:
        try:
            copy = make() if size <= _INLINE_BYTES else await asyncio.to_thread(make)
            if copy is not None:
                await self._compare(copy, await self._shadow.ask(copy))
                self._is_told = False
        except ShadowAway as away:
            self._tally.failed()
            self._pause(str(away))
        except ShadowFailed as failure:
            self._tally.failed(failure.version)
            self._say("the shadow does not answer a copy", str(failure))
        except Exception:  # noqa: BLE001 clients have their answer, whatever happens here
            self._tally.failed()
            _log.exception("a copy for the shadow failed")
        finally:
            self._bytes -= size

    async def _compare(self, copy: Copy, answer: ShadowAnswer) -> None:
        bodies = copy.task, copy.answer, answer.body
        try:
            if len(copy.answer) + len(answer.body) <= _INLINE_BYTES:
                comparison = compare(*bodies)
            else:
                comparison = await asyncio.to_thread(compare, *bodies)
        except Unreadable:
            self._tally.failed(answer.version)
        else:
            self._tally.compared(answer.version, comparison)

    def _pause(self, why: str) -> None:
        """Leave the shadow alone for a moment."""
        self._quiet_until = time.monotonic() + _PAUSE_SECONDS
        self._say("the shadow cannot be reached", why)

    def _say(self, event: str, why: str) -> None:
        """Log what is wrong once, until a copy is answered again."""
        if not self._is_told:
            _log.info(event, why=why)
        self._is_told = True


def _copy(scope: Scope, body: bytes, answer: bytes, task: Task) -> Copy:
    query = scope["query_string"].decode("latin-1")
    target = f"{scope['path']}?{query}" if query else scope["path"]
    return Copy("POST" if body else "GET", target, body, answer, task)
