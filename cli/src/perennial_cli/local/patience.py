"""Waits out the registry's outages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from perennial_core.registry import RegistryRefused, RegistryUnavailable

_PAUSE_SECONDS = 1.0

T = TypeVar("T")


async def patiently(read: Callable[[], Awaitable[T]]) -> T:
    """Return what ``read`` returns once the registry answers; the controller tells of outages."""
    while True:
        try:
            return await read()
        except (RegistryUnavailable, RegistryRefused):
            await asyncio.sleep(_PAUSE_SECONDS)
