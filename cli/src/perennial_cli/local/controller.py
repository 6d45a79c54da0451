"""Decides which version serves, and sees that the predictor gets there."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from typing import NoReturn

from perennial_cli.journal import Journal
from perennial_cli.local.predictor import Predictor, Readiness
from perennial_cli.local.rollout import Pin, Rollout, is_news
from perennial_cli.local.run_report import (
    address,
    format_text,
    origin_text,
    ruling_text,
    score_text,
)
from perennial_cli.local.watched_file import WatchedFile
from perennial_cli.next_command import next_command
from perennial_core.approval import Judgement, judge
from perennial_core.decisions import Choice, Rules, State, choose
from perennial_core.errors import PerennialError
from perennial_core.identity import Version
from perennial_core.registry import Failure, Registry, Serving, Snapshot

_RESYNC_SECONDS = 5.0
_ROLLOUT_POLL_SECONDS = 0.2
_OUTAGE_PAUSE_SECONDS = 1.0


class Controller:
    """Brings the registry's ``serving`` key to what resource and versions say.

    Args:
        watched: The resource file.
        registry: Where versions are.
        predictor: The process that serves.
        journal: Where decisions are told.
        options: Those by which commands find the model.
    """

    def __init__(
        self,
        watched: WatchedFile,
        registry: Registry,
        predictor: Predictor,
        journal: Journal,
        options: tuple[str, ...],
    ) -> None:
        self._watched = watched
        self._wake = watched.subscribe()
        self._registry = registry
        self._predictor = predictor
        self._journal = journal
        self._options = options
        self._rollout = Rollout()
        self._announced: tuple[int, Version] | None = None
        self._known: Snapshot | None = None
        self._pin = Pin()
        self._problem: str | None = None
        self._told: dict[Version, tuple[State, str]] = {}
        self._is_out = False

    async def listen(self) -> NoReturn:
        """Look again whenever the registry hints at something new."""
        while True:
            with contextlib.suppress(PerennialError):
                async for event in self._registry.events():
                    if event is None or event.model == self._watched.current.model.key:
                        self._wake.set()
            await asyncio.sleep(_OUTAGE_PAUSE_SECONDS)

    async def follow(self) -> NoReturn:
        """Reconcile at every change, and now and then."""
        while True:
            try:
                await self._reconcile()
                self._tell_outage(None)
            except PerennialError as error:
                self._rollout = Rollout(self._rollout.incumbent)  # the deadline starts anew
                self._tell_outage(error)
                await asyncio.sleep(_OUTAGE_PAUSE_SECONDS)
            await self._pause(_ROLLOUT_POLL_SECONDS if self._is_busy() else _RESYNC_SECONDS)

    def _is_busy(self) -> bool:
        """Say whether the predictor is about to get somewhere."""
        started_since = self._announced is None or self._announced[0] != self._predictor.starts
        return self._rollout.target is not None or (
            self._rollout.incumbent is not None and started_since
        )

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    async def _reconcile(self) -> None:
        model = self._watched.current.model
        self._pin = self._pin.seen(
            _version(model.spec.rollout.pinned_version), self._watched.current.generation
        )
        snapshot = await self._registry.snapshot(model.key)
        await self._allow(snapshot)
        await self._tell_trained(snapshot)
        readiness = await self._predictor.readiness()
        await self._see(snapshot, readiness)
        if await self._fail_if_overdue(snapshot, readiness):
            snapshot = await self._registry.snapshot(model.key)
        judgement = await self._judge(snapshot)
        self._tell_rulings(judgement, self._incumbent(snapshot))
        choice = self._choose(snapshot, judgement)
        self._tell_problem(choice.problem or judgement.problem)
        if choice.version is not None and choice.version != _serving(snapshot):
            await self._serve(choice.version)
        elif len(snapshot.versions) > model.spec.rollout.history_limit:
            await self._retain(judgement)

    async def _allow(self, snapshot: Snapshot) -> None:
        """Tell the registry who may take versions over."""
        promotion = self._watched.current.model.spec.promotion
        allowed = tuple(promotion.allow_to) if promotion else ()
        if allowed != snapshot.allowed:
            await self._registry.allow(self._watched.current.model.key, allowed)

    async def _judge(self, snapshot: Snapshot) -> Judgement:
        model = self._watched.current.model
        manifests = await self._registry.manifests(model.key, snapshot.versions)
        incumbent, rules = self._incumbent(snapshot), Rules.of(model.spec)
        return await judge(self._registry, model.key, snapshot, manifests, incumbent, rules)

    def _tell_rulings(self, judgement: Judgement, incumbent: Version | None) -> None:
        """Tell of each version that may not serve, or not yet, unless that was told last."""
        self._told = {v: told for v, told in self._told.items() if v in judgement.rulings}
        for version, ruling in sorted(judgement.rulings.items()):
            name = self._watched.current.model.metadata.name
            approve = next_command("approve", name, "--version", str(version), *self._options)
            text = ruling_text(version, ruling, incumbent, approve)
            what = (ruling.state, ruling.message)
            if text is not None and what != self._told.get(version):
                self._journal.waiting(text)
                self._told[version] = what

    async def _tell_trained(self, snapshot: Snapshot) -> None:
        """Tell of versions that were published since the last look."""
        before, self._known = self._known, snapshot
        for version in snapshot.versions:
            if before is not None and version > (before.latest or 0):
                manifest = await self._registry.manifest(self._watched.current.model.key, version)
                self._journal.done(f"{origin_text(manifest)}: {score_text(manifest)}")
                if not_onnx := format_text(manifest):
                    self._journal.note(not_onnx)

    async def _see(self, snapshot: Snapshot, readiness: Readiness) -> None:
        serving = _serving(snapshot)
        self._rollout = self._rollout.seen(
            serving=serving, answering=readiness.version, now=time.monotonic()
        )
        if readiness.version is not None and readiness.version == serving:
            await self._announce(readiness.version)

    async def _announce(self, version: Version) -> None:
        """Tell once for each start of the predictor and each swap in it."""
        model, what = self._watched.current.model, (self._predictor.starts, version)
        if what == self._announced:
            return
        manifest = await self._registry.manifest(model.key, version)
        pinned = " (pinned)" if version == self._pin.version else ""
        where = address(manifest, self._predictor.port)
        self._journal.done(f"serving version {version}{pinned} at {where}")
        self._announced = what

    async def _fail_if_overdue(self, snapshot: Snapshot, readiness: Readiness) -> bool:
        """Record that the version on its way did not arrive in time, once."""
        generation, target = self._watched.current.generation, self._rollout.target
        rollout = self._watched.current.model.spec.rollout
        deadline = float(rollout.progress_deadline_seconds)
        if target is None or not self._rollout.overdue(deadline=deadline, now=time.monotonic()):
            return False
        if not is_news(snapshot.failures.get(target), self._pin.generation):
            return False
        why = readiness.problem or readiness.reason or "the predictor does not say why"
        await self._registry.record_failure(
            self._watched.current.model.key,
            target,
            Failure(
                reason="ProgressDeadlineExceeded",
                message=why,
                at=datetime.now(UTC),
                generation=generation,
            ),
        )
        self._journal.failed(
            f"version {target} does not serve after {deadline:g} s: {why}"
            + (f"; going back to version {back}" if (back := self._rollout.incumbent) else "")
        )
        return True

    def _incumbent(self, snapshot: Snapshot) -> Version | None:
        serving = _serving(snapshot)
        if serving is None:  # also when the registry lost its data, and numbers anew
            return None
        return self._rollout.incumbent or (None if serving in snapshot.failures else serving)

    def _choose(self, snapshot: Snapshot, judgement: Judgement) -> Choice:
        return choose(
            retained=judgement.manifests,
            decisions=judgement.decisions,
            failures=snapshot.failures,
            incumbent=self._incumbent(snapshot),
            pinned=self._pin.version,
            generation=self._pin.generation,
        )

    async def _serve(self, version: Version) -> None:
        key = self._watched.current.model.key
        manifest = await self._registry.manifest(key, version)
        serving = Serving(version=version, digest=manifest.digest)
        await self._registry.set_serving(key, serving)
        self._wake.set()

    async def _retain(self, judgement: Judgement) -> None:
        model = self._watched.current.model
        kept = (
            *(self._pin.version, self._rollout.incumbent, self._rollout.target),
            *judgement.awaiting,
        )
        await self._registry.retain(
            model.key,
            limit=model.spec.rollout.history_limit,
            protected=[version for version in kept if version is not None],
        )

    def _tell_problem(self, problem: str | None) -> None:
        """Tell once what only the user can repair."""
        if problem is not None and problem != self._problem:
            self._journal.failed(problem)
        self._problem = problem

    def _tell_outage(self, error: PerennialError | None) -> None:
        """Tell that the registry does not work, and that it does again, once each."""
        if error is not None and not self._is_out:
            self._journal.waiting(f"{error}; what serves goes on serving")
        if error is None and self._is_out:
            self._journal.done("the registry works again")
        self._is_out = error is not None


def _serving(snapshot: Snapshot) -> Version | None:
    return snapshot.serving.version if snapshot.serving else None


def _version(version: int | None) -> Version | None:
    return None if version is None else Version(version)
