"""The whole pipeline on one machine: registry, trainer, controller and predictor."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from perennial_cli.journal import Journal
from perennial_cli.local.cluster_only import cluster_only, lacks_volume
from perennial_cli.local.controller import Controller
from perennial_cli.local.mounts import check_mounts
from perennial_cli.local.own_redis import OwnRedis, own_redis
from perennial_cli.local.ports import Ports, check_free
from perennial_cli.local.predictor import Predictor
from perennial_cli.local.resource_file import LocalModel
from perennial_cli.local.running import announced
from perennial_cli.local.schedule import next_fire
from perennial_cli.local.state_directory import StateDirectory, default_directory
from perennial_cli.local.training import Training
from perennial_cli.local.visit import alone
from perennial_cli.local.watched_file import WatchedFile
from perennial_cli.next_command import local_options
from perennial_core.errors import UserError
from perennial_core.identity import ModelKey
from perennial_core.registry import Registry
from perennial_core.settings import (
    PredictorSettings,
    RegistrySettings,
    Secret,
    TrainerSettings,
    from_environment,
)


@dataclass(frozen=True)
class LocalRun:
    """What a person asks for on the command line."""

    file: Path
    port: int | None = None
    data: Path | None = None
    directory: Path | None = None
    redis_url: str | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """Those by which commands find the same model."""
        return ("--local", str(self.file), *local_options(self.directory, self.redis_url))


async def run_pipeline(run: LocalRun, journal: Journal) -> None:
    """Train, serve and retrain until cancelled.

    Raises:
        UserError: Resource file, option or state directory cannot be used.
        Outage: Redis does not answer.
    """
    watched = WatchedFile(run.file, partial(_check, run), journal)
    model = watched.current.model
    _check_environment(model.key)
    state = StateDirectory(run.directory or default_directory(model.key))
    async with alone(state):
        check_free(Ports.of(model.spec.serving, run.port))
        journal.note(
            f"{model.key} from {run.file}; its state, trainer.log and predictor.log are in"
            f" {state.root}"
        )
        if fields := cluster_only(model.spec):
            journal.note(f"only a cluster heeds {', '.join(fields)}; one predictor runs here")
        if model.spec.runs is None:
            journal.note(
                "no version is made here, for neither spec.training nor promotion.from is given"
            )
        if lacks_volume(model.spec):
            field = f"{model.spec.runs_field}.data.volume"
            journal.note(f"a cluster also needs {field} for a file: uri")
        await _run_parts(watched, state, run, journal)


def _check_environment(key: ModelKey) -> None:
    """Refuse wrong variables of the trainer and the predictor before anything is started."""
    from_environment(TrainerSettings, run_id="")
    from_environment(PredictorSettings, model=str(key))


async def _run_parts(
    watched: WatchedFile, state: StateDirectory, run: LocalRun, journal: Journal
) -> None:
    async with AsyncExitStack() as stack:
        connection, own = await _registry_of(run, state, journal, stack)
        registry = await stack.enter_async_context(Registry.from_settings(connection))
        await registry.ping()
        announce = stack.enter_context(announced(state.running, connection))
        predictor = Predictor(watched, connection, state, run.port, journal, announce)
        controller = Controller(watched, registry, predictor, journal, run.options)
        training = Training(watched, registry, connection, state, run.data, journal, run.options)
        async with asyncio.TaskGroup() as tasks:
            for redis in own:
                tasks.create_task(redis.follow())
            tasks.create_task(watched.follow())
            tasks.create_task(predictor.follow())
            tasks.create_task(controller.listen())
            tasks.create_task(controller.follow())
            tasks.create_task(training.follow())


async def _registry_of(
    run: LocalRun, state: StateDirectory, journal: Journal, stack: AsyncExitStack
) -> tuple[RegistrySettings, list[OwnRedis]]:
    """Return how to get to the registry, and the Redis to keep running where it is our own."""
    if run.redis_url is not None:
        return from_environment(RegistrySettings, url=Secret(run.redis_url)), []
    redis = await stack.enter_async_context(own_redis(state.redis, journal))
    return redis.connection, [redis]


def _check(run: LocalRun, local: LocalModel) -> None:
    """Raise a UserError for what parses and cannot be run here."""
    check_mounts(local, run.data)
    if local.runs is not None:
        next_fire(local.runs, datetime.now(UTC), local.model.spec.runs_field)
    if run.port is not None and run.port == local.model.spec.serving.grpc_port:
        raise UserError(f"spec.serving.grpcPort: {run.port} is that of --port; give another")
    source = local.source
    if source is not None and source.registry_secret is None and run.redis_url is None:
        raise UserError(
            f"spec.promotion.from: {source.key} is not in a Redis of one's own; name the Redis that"
            " has it with --redis-url, or in spec.promotion.from.registrySecret"
        )
