"""``perennial-predictor``: serves one model over HTTP until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from typing import TYPE_CHECKING, Any

import structlog
import uvloop

from perennial_core.errors import PerennialError
from perennial_core.identity import ModelKey
from perennial_core.log import configure_logging
from perennial_core.settings import PredictorSettings, RegistrySettings, from_environment
from perennial_predictor.assembly import Predictor, assemble
from perennial_predictor.bundle_source import BundleSource
from perennial_predictor.serve import DrainingServer, listening_socket
from perennial_predictor.source import VersionSource
from perennial_predictor.workers.shares import Shares

if TYPE_CHECKING:
    from perennial_predictor.registry_source import RegistrySource

_log = structlog.get_logger(__name__)


def main() -> None:
    """Serve as the environment says. Exit code 0 after a signal, 1 when it cannot start."""
    with starting():
        settings = from_environment(PredictorSettings)
        logging.getLogger().setLevel(settings.log_level)
        source = opened_source(settings)
        with listening_socket(settings.host, settings.port) as listener:
            run_to_end(_serve(settings, source, listener))


def run_to_end(serving: Coroutine[Any, Any, None]) -> None:
    """Serve, and then end the process with code 0, without its threads.

    One may be loading a version that nobody will ask, or reading from a disk that hangs.
    """

    async def serve() -> None:
        await serving
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

    uvloop.run(serve())


@contextmanager
def starting(**process: int) -> Iterator[None]:
    """Write a log; what keeps the process from starting is one line of it, and exit code 1.

    Args:
        process: Tells in that line which of several it is.
    """
    configure_logging()
    logging.captureWarnings(True)
    try:
        yield
    except PerennialError as error:
        _log.error("cannot start", **process, error=str(error))
        sys.exit(1)


def opened_source(settings: PredictorSettings) -> AbstractAsyncContextManager[VersionSource]:
    """Return the source that the settings name: a bundle, or the registry.

    Raises:
        UserError: The bundle is not whole, or the registry's settings are wrong.
    """
    if settings.bundle is not None:
        return nullcontext(BundleSource(settings.bundle, settings))
    return _registry_source(settings, from_environment(RegistrySettings))


@asynccontextmanager
async def _registry_source(
    settings: PredictorSettings, registry_settings: RegistrySettings
) -> AsyncIterator[RegistrySource]:
    from perennial_core.registry import Registry  # takes time and memory, and a bundle needs none
    from perennial_predictor.cache import VersionCache
    from perennial_predictor.registry_source import RegistrySource

    async with Registry.from_settings(registry_settings) as registry:
        cache = VersionCache(settings.cache_directory, ModelKey.parse(settings.model))
        yield RegistrySource(settings, registry, cache)


async def _serve(
    settings: PredictorSettings,
    opened: AbstractAsyncContextManager[VersionSource],
    listener: socket.socket,
) -> None:
    async with opened as source:
        shares = Shares(settings.workers)
        predictor = assemble(settings, source, shares.threads_for)
        server = DrainingServer(predictor.application, predictor.drain, settings.body_seconds)
        await answer_by_grpc(predictor, server)
        beside = [
            asyncio.create_task(predictor.follower.run()),
            asyncio.create_task(_hire(predictor, server, listener, shares)),
        ]
        address = "{}:{}".format(*listener.getsockname())
        _log.info("listening", address=address, model=str(source.key))
        await server.serve(sockets=[listener])
        await ended(beside)
        if predictor.mirror is not None:
            await predictor.mirror.close()


async def answer_by_grpc(
    predictor: Predictor, server: DrainingServer, *, beside_first: bool = False
) -> None:
    """Answer gRPC too from now on, where there is a port for it.

    Args:
        predictor: Answers.
        server: Drains and ends at the same time.
        beside_first: Whether the first process of the predictor has the port already.

    Raises:
        UserError: The port cannot be used.
    """
    port = predictor.settings.grpc_port
    if port is None:
        return
    from perennial_predictor.rpc.server import RpcServer  # takes time and memory

    rpc = RpcServer(
        port,
        predictor.settings,
        predictor.key,
        predictor.follower,
        predictor.metrics,
        predictor.drain,
        predictor.mirror,
        beside_first=beside_first,
    )
    await rpc.start()
    server.join(rpc)
    _log.info("listening for gRPC", address=rpc.address)


async def _hire(
    predictor: Predictor, server: DrainingServer, listener: socket.socket, shares: Shares
) -> None:
    """Start further processes once a version serves, where it is worth while."""
    await predictor.follower.began.wait()
    if shares.workers is None or shares.workers == 1 or predictor.drain.under_way:
        return
    from perennial_predictor.workers.crew import hire  # takes time and memory

    try:
        server.join(await hire(predictor, listener, shares.workers))
    except OSError as error:
        _log.warning("one process answers", error=str(error))
        return
    _log.info("several processes answer", workers=shares.workers)


async def ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """End tasks."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
