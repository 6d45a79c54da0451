"""The command ``perennial-operator``."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import kopf
import structlog
import typer
from pydantic import ValidationError

from perennial_core.errors import PerennialError
from perennial_core.log import configure_logging
from perennial_core.registry import Registry
from perennial_core.resource.prediction_model import describe
from perennial_core.settings import RegistrySettings
from perennial_operator.cache import Cache
from perennial_operator.cluster import Cluster
from perennial_operator.handlers import Watched, handler_registry, kopf_settings
from perennial_operator.leader import Leader, Timing
from perennial_operator.metrics import LEADS, MODELS
from perennial_operator.probes import probes
from perennial_operator.queue import ModelQueue
from perennial_operator.reconciler import Reconciler
from perennial_operator.resync import Resync, follow_registry
from perennial_operator.settings import OperatorSettings
from perennial_operator.uninstall import delete_all_models
from perennial_operator.workers import Workers

LEASE_NAME = "perennial-operator"

_log = structlog.get_logger(__name__)
app = typer.Typer(
    help="Perennial's operator.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def run() -> None:
    """Watch PredictionModels and bring the cluster to what they say, until stopped."""
    settings = _settings()
    configure_logging(settings.log_level)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # it tells of every event
    _guarded(lambda: _operate(settings, RegistrySettings()))


@app.command()
def uninstall() -> None:
    """Delete all PredictionModels, and wait until they are gone; the operator must be running."""
    configure_logging()
    _guarded(_uninstall)


async def _operate(settings: OperatorSettings, registry_settings: RegistrySettings) -> None:
    async with (
        await Cluster.connect() as cluster,
        Registry.from_settings(registry_settings) as registry,
        probes(settings.probe_port),
    ):
        leader = Leader(cluster, settings.namespace, LEASE_NAME, settings.identity, Timing())
        LEADS.set_function(lambda: leader.leads)
        await leader.run(lambda: _lead(settings, registry_settings, cluster, registry))


async def _lead(
    settings: OperatorSettings,
    registry_settings: RegistrySettings,
    cluster: Cluster,
    registry: Registry,
) -> None:
    cache, queue = Cache(), ModelQueue()
    MODELS.set_function(lambda: len(cache.models()))
    reconciler = Reconciler(cluster, cache, registry, settings, registry_settings)
    resync = Resync(cluster, cache, queue, settings.watch_namespaces)
    await resync.once()
    tasks = [
        asyncio.create_task(Workers(reconciler, queue, settings.workers).run()),
        asyncio.create_task(resync.run(settings.resync_seconds)),
        asyncio.create_task(follow_registry(registry, cache, queue)),
    ]
    watching = asyncio.create_task(_watch(settings, Watched(cache, queue)))
    try:
        done, _ = await asyncio.wait({watching, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in (*tasks, watching):
            task.cancel()
        await asyncio.gather(*tasks, watching, return_exceptions=True)


async def _watch(settings: OperatorSettings, watched: Watched) -> None:
    """Run kopf until a signal stops it."""
    await kopf.operator(
        registry=handler_registry(),
        settings=kopf_settings(),
        memo=watched,
        clusterwide=not settings.watch_namespaces,
        namespaces=settings.watch_namespaces,
    )


async def _uninstall() -> None:
    async with await Cluster.connect() as cluster:
        await delete_all_models(cluster)


def _settings() -> OperatorSettings:
    try:
        return OperatorSettings()
    except ValidationError as error:
        typer.echo(f"perennial-operator: environment: PERENNIAL_*: {describe(error)}", err=True)
        raise typer.Exit(2) from None


def _guarded(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run until the end; what is known to go wrong ends in one line, and a restart repairs it."""
    try:
        asyncio.run(work())
    except PerennialError as error:
        _log.error("stopped", error=str(error))
        sys.exit(1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(0)


def main() -> None:
    app()
