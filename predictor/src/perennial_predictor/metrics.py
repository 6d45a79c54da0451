"""What is measured. Prometheus' text of it is made by ``exposition``, once somebody asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from perennial_core.manifest import Manifest
from perennial_predictor.served import ServedVersion
from perennial_predictor.tally import Tally
from perennial_predictor.traffic import Traffic

if TYPE_CHECKING:
    from prometheus_client import Metric

MEDIA_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class Measured(Protocol):
    """Something that has counted."""

    def families(self) -> Iterator[Metric]:
        """Yield what was counted, for Prometheus."""


class Metrics:
    """The measurements of one predictor."""

    def __init__(self) -> None:
        self.manifest: Manifest | None = None
        """Of the version that serves."""
        self.load_seconds = 0.0
        self.swaps = 0
        self.failures = 0
        self.has_problem = False
        self._traffic = Traffic()
        self.answered = self._traffic.count
        """Counts one answer: its route, which must be one of few, its status and its seconds."""
        self._predicted: Tally | None = None
        self._beside: list[Measured] = []
        self._text: Callable[[], bytes] | None = None
        self._joined: Callable[[bytes], Awaitable[bytes]] | None = None

    def add(self, measured: Measured) -> None:
        """Expose what this has counted too."""
        self._beside.append(measured)

    def join(self, joined: Callable[[bytes], Awaitable[bytes]]) -> None:
        """Expose from now on what is made of the text of this process and those of others."""
        self._joined = joined

    def serves(self, served: ServedVersion, *, swapped: bool) -> None:
        """A version serves from now on; ``swapped`` when it took over from another."""
        self.manifest = served.manifest
        self.load_seconds = served.load_seconds
        self._predicted = served.tally  # its own, so a swap begins anew
        self.swaps += swapped

    def load_failed(self) -> None:
        self.failures += 1

    def problem(self, exists: bool) -> None:
        self.has_problem = exists

    def parts(self) -> Iterator[Measured]:
        """Yield all that has counted for itself."""
        yield self._traffic
        if self._predicted is not None:
            yield self._predicted
        yield from self._beside

    async def exposition(self) -> bytes:
        """Return all measurements in Prometheus' text format."""
        if self._text is None:
            self._text = await asyncio.to_thread(_text_of, self)
        own = self._text()
        return own if self._joined is None else await self._joined(own)


def _text_of(metrics: Metrics) -> Callable[[], bytes]:
    from perennial_predictor.exposition import text_of  # takes time, and the start needs it not

    return text_of(metrics)
