"""``perennial-predictor``: serves one model over HTTP until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys

import structlog
import uvloop

from perennial_core.errors import PerennialError
from perennial_core.identity import ModelKey
from perennial_core.log import configure_logging
from perennial_core.registry import Registry
from perennial_core.settings import PredictorSettings, RegistrySettings, from_environment
from perennial_predictor.api import PredictorApi
from perennial_predictor.application import Application
from perennial_predictor.cache import VersionCache
from perennial_predictor.drain import Drain
from perennial_predictor.endpoints import Endpoints
from perennial_predictor.follow import Follower
from perennial_predictor.metrics import Metrics
from perennial_predictor.serve import DrainingServer, listening_socket
from perennial_predictor.source import VersionSource

_log = structlog.get_logger(__name__)


def main() -> None:
    """Serve as the environment says. Exit code 0 after a signal, 1 when it cannot start."""
    configure_logging()
    logging.captureWarnings(True)
    try:
        settings = from_environment(PredictorSettings)
        registry_settings = from_environment(RegistrySettings)
        logging.getLogger().setLevel(settings.log_level)
        with listening_socket(settings.host, settings.port) as listener:
            uvloop.run(_serve(settings, registry_settings, listener))
    except PerennialError as error:
        _log.error("cannot start", error=str(error))
        sys.exit(1)


async def _serve(
    settings: PredictorSettings, registry_settings: RegistrySettings, listener: socket.socket
) -> None:
    async with Registry.from_settings(registry_settings) as registry:
        cache = VersionCache(settings.cache_directory, ModelKey.parse(settings.model))
        metrics = Metrics()
        follower = Follower(settings, VersionSource(settings, registry, cache), metrics)
        drain = Drain(settings.drain_min_seconds, settings.drain_seconds)
        api = PredictorApi(settings.model, Endpoints(settings, follower, metrics, drain), follower)
        following = asyncio.create_task(follower.run())
        address = "{}:{}".format(*listener.getsockname())
        _log.info("listening", address=address, model=settings.model)
        server = DrainingServer(Application(api, follower, metrics, drain), drain)
        await server.serve(sockets=[listener])
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
