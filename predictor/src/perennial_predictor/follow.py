"""Keeps the served version what it should be: loads the new beside the old, then swaps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from perennial_core.errors import Outage, PerennialError, UserError
from perennial_core.identity import Version
from perennial_core.manifest import ArtifactFormat, Manifest
from perennial_core.settings import PredictorSettings
from perennial_predictor.background import Background
from perennial_predictor.cost import Cost
from perennial_predictor.cpus import a_thread_for_each_cpu
from perennial_predictor.many_numbers import prepare
from perennial_predictor.memory import keep_freed, return_freed, settle
from perennial_predictor.metrics import Metrics
from perennial_predictor.readiness import Readiness, readiness
from perennial_predictor.served import ServedVersion, StoredVersion, load
from perennial_predictor.source import Target, VersionSource

_log = structlog.get_logger(__name__)

_POLL_SECONDS = 1.0
"""How often the registry is asked what should serve; a hint makes it sooner."""

_LONGEST_PAUSE_SECONDS = 5.0
"""The longest pause between two tries while Redis is down."""

_RETRY_SECONDS = 30.0
"""When a version that did not load is tried again: the registry may have been repaired."""

T = TypeVar("T")


@dataclass(frozen=True)
class _Refusal:
    """A version that did not load, why, and until when it is not tried again."""

    target: Target
    problem: str
    until: float


class Follower:
    """Holds the version that serves.

    With a fixed version its work ends when that version is loaded; otherwise it follows what the
    registry says. Whatever goes wrong, what serves goes on serving.
    """

    def __init__(
        self,
        settings: PredictorSettings,
        source: VersionSource,
        metrics: Metrics,
        threads_for: Callable[[Cost], int] = a_thread_for_each_cpu,
    ) -> None:
        self.current: ServedVersion | None = None
        """Answers the requests. Replaced by one assignment, so each request meets one version."""
        self.expected: Version | None = source.fixed.version if source.fixed else None
        self.problem: str | None = None
        """What stands in the way of the expected version."""
        self._settings = settings
        self._source = source
        self._metrics = metrics
        self._threads_for = threads_for
        self.began = asyncio.Event()
        """Set once a version serves."""
        self._refusal: _Refusal | None = None
        self._outages = 0
        self._hint = asyncio.Event()
        self._background = Background()

    def readiness(self, *, draining: bool) -> Readiness:
        """Return whether this predictor should get requests."""
        return readiness(
            key=self._source.key,
            served=self._manifest,
            expected=self.expected,
            fixed=self._source.fixed is not None,
            problem=self.problem,
            draining=draining,
        )

    @property
    def _manifest(self) -> Manifest | None:
        """Of the version that serves; to remember the version itself would hold its model."""
        return self.current.manifest if self.current else None

    async def run(self) -> None:
        """Follow until cancelled, or until the fixed version serves."""
        await self._source.open()
        following = self._source.fixed is None
        listening = asyncio.create_task(self._listen()) if following else None
        try:
            while not await self._catch_up() or following:
                await self._pause()
        finally:
            if listening is not None:
                listening.cancel()

    async def _catch_up(self) -> bool:
        """Try to serve what should serve, and return whether it does."""
        await self._background.observe()
        before = self._manifest
        failure = await _failure_of(self._serve_target())
        self._outages = self._outages + 1 if isinstance(failure, Outage) else 0
        self._report(None if failure is None else str(failure))
        if failure is not None and self.current is None and self._source.fixed is None:
            await self._serve_copy()
        if self._manifest is not before:
            await self._beside_requests(_rest)
        return failure is None

    async def _serve_target(self) -> None:
        target = await self._source.target()
        self.expected = target.version
        if self.current is not None and target.is_met_by(self.current.manifest):
            return
        self._raise_if_refused(target)
        try:
            stored = await self._source.get(target)
            await self._swap_to(stored)
        except UserError as error:
            self._refusal = _Refusal(target, str(error), time.monotonic() + _RETRY_SECONDS)
            self._metrics.load_failed()
            raise
        self._report(None)
        await self._beside_requests(partial(self._source.keep, stored))

    def _raise_if_refused(self, target: Target) -> None:
        """Report again why the version did not load, until it is time to try it again."""
        refusal = self._refusal
        if refusal and refusal.target == target and time.monotonic() < refusal.until:
            raise UserError(refusal.problem)

    async def _serve_copy(self) -> None:
        """Serve what an earlier process left, for lack of anything else."""
        copy, self._source.copy = self._source.copy, None
        if copy is not None and (failure := await _failure_of(self._swap_to(copy))):
            _log.warning("copy not usable", error=str(failure))

    async def _swap_to(self, stored: StoredVersion) -> None:
        served = await self._load(stored)
        swaps = self.current is not None
        if not swaps:
            settle()
            keep_freed()
        self.current = served
        self._metrics.serves(served, swapped=swaps)
        self.began.set()
        _log.info(
            "serving",
            model=served.manifest.model,
            version=served.manifest.version,
            digest=served.manifest.digest,
            load_seconds=round(served.load_seconds, 3),
        )

    async def _load(self, stored: StoredVersion) -> ServedVersion:
        loading = partial(_load, stored, self._settings, self._threads_for)
        if not self._gives_way:
            return await asyncio.to_thread(loading)
        if stored.manifest.format is ArtifactFormat.ONNX:
            return await self._background.do(loading, repeatable=True)
        return await self._background.do_with_a_share(loading)

    async def _beside_requests(self, work: Callable[[], T]) -> T:
        return await (self._background.do(work) if self._gives_way else asyncio.to_thread(work))

    @property
    def _gives_way(self) -> bool:
        """Whether work gives way to requests: so once a version answers them.

        Not so where a prediction uses several threads: they are started as their model is loaded,
        and would give way for good.
        """
        return self.current is not None and self._settings.threads == 1

    def _report(self, problem: str | None) -> None:
        """Remember the problem, and log it when it is another than before."""
        if problem != self.problem:
            version = self.current.manifest.version if self.current else None
            if problem is None:
                _log.info("the expected version serves", version=version)
            else:
                _log.warning("cannot serve what should serve", problem=problem, serves=version)
        self.problem = problem
        self._metrics.problem(problem is not None)

    async def _pause(self) -> None:
        """Wait for the next try: a second, with back-off while Redis is down, or for a hint."""
        seconds = min(_POLL_SECONDS * 2 ** min(self._outages, 10), _LONGEST_PAUSE_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # wait_for of Python 3.11 may lose a cancellation
                await self._hint.wait()
        self._hint.clear()

    async def _listen(self) -> None:
        """Note the registry's hints; the tries report what is wrong with it."""
        while True:
            with suppress(PerennialError):
                async for _ in self._source.hints():
                    self._hint.set()
            await asyncio.sleep(_LONGEST_PAUSE_SECONDS)


def _load(
    stored: StoredVersion, settings: PredictorSettings, threads_for: Callable[[Cost], int]
) -> ServedVersion:
    """Load a version without the memory that reading its artifact took and left free."""
    return_freed()
    return load(stored, settings, threads_for)


def _rest() -> None:
    """Do what can wait until a version serves."""
    return_freed()
    prepare()


async def _failure_of(attempt: Awaitable[None]) -> Exception | None:
    """Return with what an attempt failed: what serves goes on serving, whatever it is."""
    try:
        await attempt
    except PerennialError as error:
        return error
    except Exception as error:  # noqa: BLE001 logged, and tried again
        _log.exception("unexpected failure, will be tried again")
        return error
    return None
