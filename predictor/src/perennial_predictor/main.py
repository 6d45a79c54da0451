"""``perennial-predictor``: serves one model over HTTP until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import structlog
import uvloop

from perennial_core.errors import PerennialError
from perennial_core.identity import ModelKey
from perennial_core.log import configure_logging
from perennial_core.settings import PredictorSettings, RegistrySettings, from_environment
from perennial_predictor.application import Application
from perennial_predictor.bundle_source import BundleSource
from perennial_predictor.drain import Drain
from perennial_predictor.endpoints import Endpoints
from perennial_predictor.follow import Follower
from perennial_predictor.metrics import Metrics
from perennial_predictor.routes import Route, routes
from perennial_predictor.serve import DrainingServer, listening_socket
from perennial_predictor.source import VersionSource
from perennial_predictor.v1 import V1Endpoints
from perennial_predictor.v2.endpoints import V2Endpoints

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from perennial_predictor.mirror import Mirror
    from perennial_predictor.registry_source import RegistrySource
    from perennial_predictor.rpc.server import RpcServer

_log = structlog.get_logger(__name__)


def main() -> None:
    """Serve as the environment says. Exit code 0 after a signal, 1 when it cannot start."""
    configure_logging()
    logging.captureWarnings(True)
    try:
        settings = from_environment(PredictorSettings)
        logging.getLogger().setLevel(settings.log_level)
        source = _opened_source(settings)
        with listening_socket(settings.host, settings.port) as listener:
            uvloop.run(_serve(settings, source, listener))
    except PerennialError as error:
        _log.error("cannot start", error=str(error))
        sys.exit(1)


def _opened_source(settings: PredictorSettings) -> AbstractAsyncContextManager[VersionSource]:
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
        model = str(source.key)
        metrics = Metrics()
        follower = Follower(settings, source, metrics)
        drain = Drain(settings.drain_min_seconds, settings.drain_seconds)
        mirror = _mirror(settings, metrics)
        endpoints = Endpoints(model, settings, follower, metrics, drain, mirror)
        v1 = V1Endpoints(source.key.name, endpoints.is_ready)
        v2 = V2Endpoints(source.key.name, settings, endpoints.is_ready, endpoints.served, mirror)
        answered = routes(source.key.name, endpoints, v1, v2)
        make_api = partial(_api, source.key, answered, follower)
        application = Application(answered, make_api, follower, metrics, drain)
        beside = await _beside(settings, source.key, follower, metrics, drain, mirror)
        following = asyncio.create_task(follower.run())
        _log.info("listening", address="{}:{}".format(*listener.getsockname()), model=model)
        server = DrainingServer(application, drain, settings.body_seconds, beside)
        await server.serve(sockets=[listener])
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        if mirror is not None:
            await mirror.close()


def _api(key: ModelKey, answered: Sequence[Route], follower: Follower) -> ASGIApp:
    from perennial_predictor.api import PredictorApi  # takes time and memory

    return PredictorApi(key, answered, follower)


async def _beside(
    settings: PredictorSettings,
    key: ModelKey,
    follower: Follower,
    metrics: Metrics,
    drain: Drain,
    mirror: Mirror | None,
) -> RpcServer | None:
    """Return the server of gRPC, which answers from now on, where there is a port for it.

    Raises:
        UserError: The port cannot be used.
    """
    if settings.grpc_port is None:
        return None
    from perennial_predictor.rpc.server import RpcServer  # takes time and memory

    server = RpcServer(settings.grpc_port, settings, key, follower, metrics, drain, mirror)
    await server.start()
    _log.info("listening for gRPC", address=server.address)
    return server


def _mirror(settings: PredictorSettings, metrics: Metrics) -> Mirror | None:
    """Return what copies requests, where there is a shadow to get them."""
    if settings.shadow_url is None:
        return None
    from perennial_predictor.mirror import Mirror  # takes time and memory
    from perennial_predictor.shadow_client import ShadowClient
    from perennial_predictor.shadow_tally import ShadowTally

    tally = ShadowTally()
    metrics.add(tally)
    return Mirror(ShadowClient(settings.shadow_url), tally, settings.max_body_bytes)
