"""One queue of models to reconcile: each key at most once, and never twice at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from perennial_core.identity import ModelKey


class ModelQueue:
    """De-duplicates requests; what is requested while it is worked on comes once more."""

    def __init__(self) -> None:
        self._ready: asyncio.Queue[ModelKey] = asyncio.Queue()
        self._waiting: set[ModelKey] = set()
        self._active: set[ModelKey] = set()
        self._again: set[ModelKey] = set()
        self._timers: dict[ModelKey, asyncio.TimerHandle] = {}

    def request(self, key: ModelKey) -> None:
        """Ask for a model to be reconciled soon."""
        if timer := self._timers.pop(key, None):
            timer.cancel()
        if key in self._active:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.put_nowait(key)

    def request_later(self, key: ModelKey, seconds: float) -> None:
        """Ask for a model after some time, unless it is asked for earlier."""
        if key not in self._timers:
            loop = asyncio.get_running_loop()
            self._timers[key] = loop.call_later(seconds, self.request, key)

    @asynccontextmanager
    async def next(self) -> AsyncIterator[ModelKey]:
        """Wait for a model; it is this worker's alone while the context is open."""
        key = await self._ready.get()
        self._waiting.discard(key)
        self._active.add(key)
        try:
            yield key
        finally:
            self._active.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.request(key)

    def __len__(self) -> int:
        return len(self._waiting)
