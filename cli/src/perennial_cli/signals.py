"""Ends what runs at Ctrl-C or SIGTERM, in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


async def until_signalled(work: Coroutine[Any, Any, None]) -> bool:
    """Await the work, or cancel it at the first signal and await its end.

    At a second signal everything ends at once, as without this function.

    Returns:
        Whether the work came to its end by itself.
    """
    task, loop = asyncio.ensure_future(work), asyncio.get_running_loop()

    def end() -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, end)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return not task.cancelled()
