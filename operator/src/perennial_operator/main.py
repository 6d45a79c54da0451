"""The command ``perennial-operator``."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import structlog
import typer

from perennial_core.errors import PerennialError, UserError
from perennial_core.log import configure_logging
from perennial_core.registry import Registry
from perennial_core.settings import RegistrySettings, from_environment
from perennial_operator.cluster import Cluster
from perennial_operator.leader import Leader, Timing
from perennial_operator.metrics import LEADS
from perennial_operator.operation import operate
from perennial_operator.probes import probes
from perennial_operator.settings import OperatorSettings
from perennial_operator.uninstall import delete_all_models

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
    settings, registry_settings = _settings()
    configure_logging(settings.log_level)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # it tells of every event
    _guarded(_until_stopped(_run(settings, registry_settings)))


@app.command()
def uninstall() -> None:
    """Delete all PredictionModels, and wait until they are gone; the operator must be running."""
    configure_logging()
    _guarded(_uninstall())


async def _until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Work until a signal comes; also while kopf, which listens for them too, does not run."""
    working = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    with suppress(asyncio.CancelledError):
        await working


async def _run(settings: OperatorSettings, registry_settings: RegistrySettings) -> None:
    async with (
        await Cluster.connect() as cluster,
        Registry.from_settings(registry_settings) as registry,
        probes(settings.probe_port),
    ):
        leader = Leader(cluster, settings.namespace, LEASE_NAME, settings.identity, Timing())
        LEADS.set_function(lambda: leader.leads)
        await leader.run(lambda: operate(settings, registry_settings, cluster, registry))


async def _uninstall() -> None:
    async with await Cluster.connect() as cluster:
        await delete_all_models(cluster)


def _settings() -> tuple[OperatorSettings, RegistrySettings]:
    try:
        return from_environment(OperatorSettings), from_environment(RegistrySettings)
    except UserError as error:
        typer.echo(f"perennial-operator: {error}", err=True)
        raise typer.Exit(2) from None


def _guarded(work: Coroutine[Any, Any, None]) -> None:
    """Run until the end; what is known to go wrong ends in one line, and a restart repairs it."""
    try:
        asyncio.run(work)
    except PerennialError as error:
        _log.error("stopped", error=str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def main() -> None:
    app()
