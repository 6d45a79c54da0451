"""Workers take models from the queue and reconcile them; what passes is tried again."""

from __future__ import annotations

import asyncio

import structlog

from perennial_core.errors import Outage, UserError
from perennial_core.identity import ModelKey
from perennial_operator.metrics import RECONCILE_SECONDS, RECONCILES
from perennial_operator.queue import ModelQueue
from perennial_operator.reconciler import Reconciler

_log = structlog.get_logger(__name__)
_LONGEST_BACKOFF_SECONDS = 60.0


class Workers:
    """So many reconciles at the same time, never two of one model."""

    def __init__(self, reconciler: Reconciler, queue: ModelQueue, count: int) -> None:
        self._reconciler = reconciler
        self._queue = queue
        self._count = count
        self._failures: dict[ModelKey, int] = {}

    async def run(self) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._count):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            async with self._queue.next() as key:
                result, look_again = await self._reconcile(key)
            RECONCILES.labels(result).inc()
            if result == "done":
                self._failures.pop(key, None)
                if look_again is not None:
                    self._queue.request_later(key, look_again)
            else:
                self._failures[key] = self._failures.get(key, 0) + 1
                self._queue.request_later(key, backoff_seconds(self._failures[key]))

    async def _reconcile(self, key: ModelKey) -> tuple[str, float | None]:
        """Return done, outage or error, and in how many seconds to look again once it is done."""
        with RECONCILE_SECONDS.time():
            try:
                return "done", await self._reconciler.reconcile(key)
            except (Outage, UserError) as error:
                _log.warning("reconcile put off", model=str(key), error=str(error))
                return "outage", None
            except Exception:  # noqa: BLE001 - one model's defect must not stop the others
                _log.exception("reconcile failed", model=str(key))
                return "error", None


def backoff_seconds(failures: int) -> float:
    """Return how long to wait after so many failures in a row."""
    return min(0.5 * 2.0**failures, _LONGEST_BACKOFF_SECONDS)
