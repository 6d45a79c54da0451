"""The stream of hints, common to all models: what happened, for whoever listens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import structlog

from perennial_core.errors import PerennialError
from perennial_core.registry.connection import BLOCK_MILLISECONDS, translated_errors
from perennial_core.registry.keys import EVENTS
from perennial_core.registry.records import Event

_log = structlog.get_logger(__name__)

_KEPT = 10_000


class Hints:
    """Sends and follows hints."""

    def __init__(self, client: Any) -> None:
        self._redis = client

    async def send(self, event: Event) -> None:
        """Tell whoever listens.

        That nobody hears it only delays what would happen anyway, so it fails nothing: what it
        tells of has been done.
        """
        try:
            with translated_errors():
                await self._redis.xadd(EVENTS, event.to_fields(), maxlen=_KEPT, approximate=True)
        except PerennialError as error:
            _log.warning("hint not sent", model=str(event.model), error=str(error))

    async def follow(self) -> AsyncIterator[Event | None]:
        """Yield the hints from now on, and None whenever some may have been missed or time passed.

        Raises:
            RegistryUnavailable: Redis does not answer; the caller starts again.
        """
        with translated_errors():
            newest = await self._redis.xrevrange(EVENTS, count=1)
        last = newest[0][0] if newest else b"0-0"
        yield None
        while True:
            with translated_errors():
                answer = await self._redis.xread({EVENTS: last}, block=BLOCK_MILLISECONDS)
            if not answer:
                yield None
            for entry, fields in _entries(answer):
                last = entry
                if event := Event.from_fields(fields):
                    yield event


def _entries(answer: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Return the entries of the one stream in an answer to XREAD, of protocol RESP2 or RESP3."""
    if isinstance(answer, dict):
        return [entry for batches in answer.values() for batch in batches for entry in batch]
    return [entry for _, entries in answer for entry in entries]
