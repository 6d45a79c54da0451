"""Shows people how far something is until it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from rich.console import Console
from rich.status import Status
from rich.text import Text

from perennial_cli.progress import Phase, Progress
from perennial_cli.show.texts import harmless
from perennial_core.errors import Outage, PerennialError

_PAUSE_SECONDS = 1.0


class WaitFailed(PerennialError):
    """What was waited for does not come, or not in time."""


class _Display(Protocol):
    def show(self, text: str) -> None: ...


class _Spinner:
    """The state of things, on a line that changes."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def show(self, text: str) -> None:
        self._status.update(Text(harmless(text)))  # brackets are no markup


class _Lines:
    """A line for each change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: str | None = None

    def show(self, text: str) -> None:
        if text != self._shown:
            self._console.print(harmless(text), markup=False, highlight=False, soft_wrap=True)
        self._shown = text


async def wait(look: Callable[[], Awaitable[Progress]], seconds: float) -> str:
    """Look again and again until it is done, and return how it ended.

    Raises:
        WaitFailed: It failed, or took longer than so many seconds.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        return await _follow(look, seconds, _Lines(console))
    with console.status("") as status:
        return await _follow(look, seconds, _Spinner(status))


async def _follow(
    look: Callable[[], Awaitable[Progress]], seconds: float, display: _Display
) -> str:
    last = "nothing was seen"
    try:
        async with asyncio.timeout(seconds):
            while True:
                progress = await _patiently(look)
                last = progress.text
                if progress.phase is Phase.DONE:
                    return last
                if progress.phase is Phase.FAILED:
                    raise WaitFailed(last)
                display.show(last)
                await asyncio.sleep(_PAUSE_SECONDS)
    except TimeoutError:
        raise WaitFailed(f"not within {seconds:g} s: {last}; it goes on without you") from None


async def _patiently(look: Callable[[], Awaitable[Progress]]) -> Progress:
    try:
        return await look()
    except Outage as error:
        return Progress(Phase.GOES_ON, str(error))
