"""Runs the trainer, one run at a time, as the resource says."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from perennial_cli.journal import Journal
from perennial_cli.local.asked_run import AskedRun, write_asked
from perennial_cli.local.child_process import how_it_ended, last_line, module_process
from perennial_cli.local.mounts import prepare_mounts
from perennial_cli.local.patience import patiently
from perennial_cli.local.resource_file import LocalModel
from perennial_cli.local.state_directory import StateDirectory
from perennial_cli.local.training_plan import (
    Cause,
    NextRun,
    PastRuns,
    asked,
    how_to_run_again,
    next_run,
    wait_before_retry,
)
from perennial_cli.local.watched_file import WatchedFile
from perennial_cli.next_command import next_command
from perennial_core.errors import UserError
from perennial_core.order import Order, order_for
from perennial_core.promotion import Offered, Withheld, offer
from perennial_core.registry import Registry, Run, RunOutcome
from perennial_core.settings import (
    RegistrySettings,
    SourceRegistrySettings,
    TrainerSettings,
    environment,
    from_environment,
)

_GRACE_SECONDS = 5.0

_NICENESS = 19
"""Of a trainer: predictions come first, and a version that is loaded beside them is not starved."""

_LOOK_SECONDS = 5.0
"""How often the source of a promotion is looked at."""

_LONGEST_SLEEP_SECONDS = 30.0
"""The clock may jump, so the time is looked at now and then."""


@dataclass(frozen=True)
class _Begun:
    """One run, from its beginning on."""

    local: LocalModel
    order: Order
    run_id: str
    at: datetime


@dataclass(frozen=True)
class _Order:
    """One run, ready to start."""

    run: _Begun
    environment: dict[str, str]


class Training:
    """The resource's runs, from the first one on.

    Args:
        watched: The resource file.
        registry: Where versions are.
        connection: How the trainer gets to the registry.
        state: Where order and log are.
        data: The directory that stands for the data volume, if ``--data`` names one.
        journal: Where runs are told.
        options: Those by which commands find the model.
    """

    def __init__(
        self,
        watched: WatchedFile,
        registry: Registry,
        connection: RegistrySettings,
        state: StateDirectory,
        data: Path | None,
        journal: Journal,
        options: tuple[str, ...],
    ) -> None:
        self._watched = watched
        self._changed = watched.subscribe()
        self._registry = registry
        self._connection = connection
        self._state = state
        self._data = data
        self._journal = journal
        self._options = options
        self._withheld: str | None = None

    async def follow(self) -> NoReturn:
        """Start each run when it is due."""
        past = await patiently(self._past_runs)
        while True:
            source = await patiently(self._offered)
            self._tell_withheld(source)
            now = datetime.now(UTC)
            run = next_run(self._watched.current, past, now, source)
            if run is not None and run.at <= now:
                past = await self._run(run.cause, source, past)
            else:
                await self._sleep(run, now, source)

    async def _offered(self) -> Offered | Withheld | None:
        """Return what the source of a promotion offers, where it is in the same registry."""
        local = self._watched.current
        if local.source is None or local.source.registry_secret is not None:
            return None
        snapshot = await self._registry.snapshot(local.source.key)
        return offer(local.source, local.model.key, snapshot)

    def _tell_withheld(self, source: Offered | Withheld | None) -> None:
        """Tell once why there is nothing to take over."""
        reason = source.reason if isinstance(source, Withheld) else None
        if reason is not None and reason != self._withheld:
            self._journal.waiting(reason)
        self._withheld = reason

    async def _past_runs(self) -> PastRuns:
        model = self._watched.current.model
        latest = await self._registry.latest(model.key)
        manifest = latest and await self._registry.manifest(model.key, latest)
        return PastRuns(
            spec_hash=manifest.training_spec_hash if manifest else None,
            asked=asked(model) if manifest else None,
            until=datetime.now(UTC),
            offered=manifest.promoted_from.version if manifest and manifest.promoted_from else None,
        )

    async def _sleep(
        self, run: NextRun | None, now: datetime, source: Offered | Withheld | None
    ) -> None:
        """Wait for the next run or for a change of the resource, whichever is first."""
        seconds = _LONGEST_SLEEP_SECONDS if source is None else _LOOK_SECONDS
        if run is not None:
            seconds = min(seconds, (run.at - now).total_seconds())
        await self._changed_within(seconds)

    async def _changed_within(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        self._changed.clear()

    async def _run(
        self, cause: Cause, source: Offered | Withheld | None, past: PastRuns
    ) -> PastRuns:
        local, now = self._watched.current, datetime.now(UTC)
        order = order_for(local.model)
        assert order is not None, "no run is due for a model whose versions are brought"
        run = _Begun(local, order, f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}", now)
        request = asked(local.model)
        if request is not None and request != past.asked:
            write_asked(self._state.asked, AskedRun(value=request, run_id=run.run_id))
        self._journal.note(f"{_kind(local)}: {cause}")
        try:
            await self._try_until_done(self._prepare(run))
        except UserError as error:
            await self._fail(run, str(error))
        return PastRuns(
            spec_hash=order.runs.content_hash(),
            asked=request,
            until=datetime.now(UTC),
            offered=source.version if isinstance(source, Offered) else None,
        )

    def _prepare(self, run: _Begun) -> _Order:
        local = run.local
        mounts = prepare_mounts(local, self._data, self._state)
        self._state.order.write_text(run.order.to_text())
        settings = from_environment(
            TrainerSettings,
            run_id=run.run_id,
            training_file=self._state.order,
            data_directory=mounts.data,
            credentials_directory=mounts.credentials,
            termination_log=self._state.termination_log,
        )
        variables = environment(settings) | environment(self._connection)
        return _Order(run, variables | _source_environment(local))

    async def _try_until_done(self, order: _Order) -> None:
        seconds, field = order.run.order.runs.timeout_seconds, order.run.order.field
        try:
            async with asyncio.timeout(seconds):
                await self._tries(order)
        except TimeoutError:
            limit = f"{seconds} s, which {field}.timeoutSeconds sets"
            await self._fail(order.run, f"ended after {limit}")

    async def _tries(self, order: _Order) -> None:
        runs, tries = order.run.order.runs, 0
        while True:
            tries += 1
            code = await self._try(order)
            delay = wait_before_retry(code, tries, runs.retries)
            if delay is None:
                return await self._report(order, code)
            why = self._last_words(code)
            kind = _kind(order.run.local)
            self._journal.waiting(f"{kind} failed for now, again in {delay:g} s: {why}")
            await self._changed_within(delay)
            wanted = self._watched.current.runs
            if wanted is None or wanted.content_hash() != runs.content_hash():
                return None  # nobody waits for this spec any more

    async def _try(self, order: _Order) -> int:
        self._state.termination_log.write_text("")
        async with module_process(
            "perennial_trainer",
            "run",
            settings=order.environment,
            log=self._state.trainer_log,
            grace=_GRACE_SECONDS,
            niceness=_NICENESS,
        ) as process:
            return await process.wait()

    async def _report(self, order: _Order, code: int) -> None:
        """Tell what came of a run; of a new version the controller tells."""
        run = await patiently(lambda: self._record(order.run))
        if run is None or code != 0:
            await self._fail(order.run, self._last_words(code))
        elif run.outcome is RunOutcome.SKIPPED:
            self._journal.note(f"{_kind(order.run.local)} skipped: {run.message}")

    async def _fail(self, run: _Begun, why: str) -> None:
        """Tell that a run failed, and record it where it could not do so itself."""
        self._journal.failed(f"{_kind(run.local)} failed: {why}{self._again()}")
        if await patiently(lambda: self._record(run)) is None:
            record = Run(
                run_id=run.run_id,
                outcome=RunOutcome.FAILED,
                started=run.at,
                ended=datetime.now(UTC),
                message=why,
                training_spec_hash=run.order.runs.content_hash(),
            )
            await patiently(lambda: self._registry.record_run(run.local.model.key, record))

    def _again(self) -> str:
        now = self._watched.current
        command = next_command("train", now.model.key.name, *self._options)
        return how_to_run_again(now.runs, now.model.spec.runs_field, command) if now.runs else ""

    async def _record(self, run: _Begun) -> Run | None:
        runs = await self._registry.runs(run.local.model.key)
        return next((record for record in runs if record.run_id == run.run_id), None)

    def _last_words(self, code: int) -> str:
        said = last_line(self._state.termination_log)
        return said or f"the trainer ended {how_it_ended(code)}; see {self._state.trainer_log}"


def _kind(local: LocalModel) -> str:
    return "training" if local.source is None else "promotion"


def _source_environment(local: LocalModel) -> dict[str, str]:
    """Return what the trainer reads of another registry, as a cluster gives it to a pod."""
    given = local.source_registry or {}
    return {
        SourceRegistrySettings.variable(key): given[key].decode()
        for key in ("url", "password", "ca")
        if key in given
    }
