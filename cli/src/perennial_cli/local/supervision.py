"""Starts again what ended and should not have."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

from perennial_cli.journal import Journal
from perennial_cli.local.backoff import Backoff

RESTARTS = Backoff(first=0.5, longest=30.0)

_STEADY_SECONDS = 60.0
"""What ran for so long counts as well again."""


async def supervise(what: str, run: Callable[[], Awaitable[str]], journal: Journal) -> NoReturn:
    """Run something over and over, with back-off, and say why.

    Args:
        what: Its name, for people.
        run: Starts it, waits for its end, and returns how it ended.
        journal: Where each end is told.
    """
    failures = 0
    while True:
        began = time.monotonic()
        ended = await run()
        steady = time.monotonic() - began > _STEADY_SECONDS
        failures = 1 if steady else failures + 1
        delay = RESTARTS.after(failures)
        journal.failed(f"{what} ended {ended}; starting it again in {delay:g} s")
        await asyncio.sleep(delay)
