"""The one model of a resource file on this machine."""

from __future__ import annotations

import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from perennial_cli.backend import no_source, nothing_to_run
from perennial_cli.local.asked_run import AskedRun, read_asked
from perennial_cli.local.edit import edit_file
from perennial_cli.local.mounts import needs_directory
from perennial_cli.local.predictor import ask_readiness
from perennial_cli.local.resource_file import LocalModel, read_resource_file
from perennial_cli.local.seen import NOT_RUNNING, Seen, model_view, version_views
from perennial_cli.local.state_directory import StateDirectory, default_directory
from perennial_cli.local.visit import Visit, visit
from perennial_cli.next_command import local_options, next_command
from perennial_cli.progress import Asked
from perennial_cli.views import ON_THE_WAY, ModelDetails, ModelView, PodView, VersionView
from perennial_core.errors import UserError
from perennial_core.identity import ModelKey, Version
from perennial_core.registry import Answer, Decision, Registry, Run
from perennial_core.resource import TRAIN_ANNOTATION, PredictionModel
from perennial_core.resource.rollout import Strategy


class Local:
    """A Backend; decisions bear the name of who is logged in.

    Args:
        file: The resource file, which is the resource.
        visit: Where the model's versions are.
        options: Those by which a command finds the same beside the file.
    """

    def __init__(self, file: Path, visit: Visit, options: tuple[str, ...] = ()) -> None:
        self._file = file
        self._visit = visit
        self._options = options

    @property
    def unattended(self) -> str | None:
        if self._visit.running is not None:
            return None
        run = _run_command(self._file, self._local(None), self._options)
        return f"{NOT_RUNNING}; start one: {run}"

    async def models(self) -> list[ModelView]:
        return [await self.model(None)]

    async def model(self, name: str | None) -> ModelView:
        return model_view(await self._look(name))

    async def details(self, name: str | None) -> ModelDetails:
        seen = await self._look(name)
        return ModelDetails(
            **dict(model_view(seen)),
            versions=[view for view in version_views(seen) if view.state in ON_THE_WAY],
            pods=_predictors(seen),
        )

    async def versions(self, name: str | None) -> list[VersionView]:
        return version_views(await self._look(name))

    async def resource(self, name: str | None) -> PredictionModel:
        return self._local(name).model

    async def train(self, name: str | None) -> Asked:
        local = self._local(name)
        if local.runs is None:
            raise nothing_to_run()
        if self.unattended is not None:
            raise UserError(self.unattended)
        before = await self._runs(local)
        value = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        edit_file(self._file, {("metadata", "annotations", TRAIN_ANNOTATION): value})
        return Asked(before, value)

    async def decide(
        self, name: str | None, version: int, verdict: Answer, reason: str
    ) -> VersionView:
        key = self._local(name).model.key
        decision = Decision(
            verdict=verdict,
            by=getpass.getuser(),
            reason=reason or "no reason was given",
            at=datetime.now(UTC),
        )
        standing = await self._visit.registry.decide(key, Version(version), decision)
        if standing != decision:
            verdict = standing.verdict
            text = f"version {version} is {verdict.lower()} by {standing.by}: {standing.reason}"
            raise UserError(f"{text}; a decision does not change")
        views = await self.versions(name)
        return next(view for view in views if view.version == version)

    async def pin(self, name: str | None, version: int | None) -> ModelView:
        self._local(name)
        # no name: in a cluster it would be another's
        rollout: dict[str, Any] = {"pinnedVersion": version, "pinChangedBy": None}
        edit_file(self._file, {("spec", "rollout", name): it for name, it in rollout.items()})
        return await self.model(name)

    async def promote(self, name: str | None, version: int | None) -> Asked | None:
        local = self._local(name)
        if local.source is None:
            raise no_source(local.model.metadata.name)
        if local.source.version == version:
            return None
        before = await self._runs(local)
        source: dict[str, Any] = {"version": version, "versionChangedBy": None}
        path = ("spec", "promotion", "from")
        edit_file(self._file, {(*path, field): value for field, value in source.items()})
        return Asked(before)

    async def source(self, name: str | None) -> ModelView | None:
        local = self._local(name)
        if local.source is None:
            raise no_source(local.model.metadata.name)
        if local.source.registry_secret is not None:
            return None
        key = local.source.key
        serving = await self._visit.registry.serving(key)
        return ModelView(
            namespace=key.namespace,
            name=key.name,
            strategy=Strategy.HOT_SWAP,
            serving=serving.version if serving else None,
        )

    @asynccontextmanager
    async def registry(self, name: str | None) -> AsyncIterator[tuple[ModelKey, Registry]]:
        yield self._local(name).model.key, self._visit.registry

    async def _runs(self, local: LocalModel) -> frozenset[str]:
        """Return the runs that there are."""
        runs = await self._visit.registry.runs(local.model.key)
        return frozenset(run.run_id for run in runs)

    def _local(self, name: str | None) -> LocalModel:
        local = read_resource_file(self._file)
        if name not in (None, local.model.metadata.name):
            raise UserError(f"{self._file}: holds the model {local.model.metadata.name}")
        return local

    async def _look(self, name: str | None) -> Seen:
        local, running = self._local(name), self._visit.running
        key = local.model.key
        snapshot = await self._visit.registry.snapshot(key)
        manifests = await self._visit.registry.manifests(key, snapshot.versions)
        asked, readiness = read_asked(self._visit.asked), None
        if running is not None:
            port = running.port or local.model.spec.serving.port
            readiness = await ask_readiness(key, port)
        return Seen(
            local,
            snapshot,
            manifests,
            readiness,
            asked,
            await self._record(key, asked),
            ("--local", str(self._file), *self._options),
        )

    async def _record(self, key: ModelKey, asked: AskedRun | None) -> Run | None:
        """Return what came of a run, once it has ended."""
        runs = [] if asked is None else await self._visit.registry.runs(key)
        return next((run for run in runs if asked and run.run_id == asked.run_id), None)


@asynccontextmanager
async def local_backend(
    file: Path, directory: Path | None, redis_url: str | None, *, begin: bool = False
) -> AsyncIterator[Local]:
    """Open the model of a resource file while the context is open.

    Args:
        file: The resource file.
        directory: Its state directory; None: the default one.
        redis_url: The Redis to use where no run is at work.
        begin: Whether the model may have none of these yet.

    Raises:
        UserError: The file is wrong, or nothing was run yet.
        Outage: The registry does not answer.
    """
    local = read_resource_file(file)
    state = StateDirectory(directory or default_directory(local.model.key))
    options = local_options(directory, redis_url)
    if not begin and redis_url is None and not state.root.is_dir():
        run = _run_command(file, local, options)
        raise UserError(
            f"{state.root}: nothing was run here yet; begin with {run}, or name the directory of a"
            " run with --directory"
        )
    async with visit(state, redis_url) as open_visit:
        yield Local(file, open_visit, options)


def _run_command(file: Path, local: LocalModel, options: tuple[str, ...]) -> str:
    """Return the command that begins a run; DIR is what only a person knows."""
    data = ("--data", "DIR") if needs_directory(local) else ()
    return next_command("run", str(file), *data, *options)


def _predictors(seen: Seen) -> list[PodView]:
    if seen.readiness is None:
        return []
    version, serving = seen.readiness.version, seen.snapshot.serving
    wanted = serving.version if serving else None
    ready = version is not None
    return [PodView(name="predictor", ready=ready, version=version or wanted, follows=True)]
