"""Puts the parts of a predictor together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from perennial_core.identity import ModelKey
from perennial_core.settings import PredictorSettings
from perennial_predictor.application import Application
from perennial_predictor.cost import Cost
from perennial_predictor.drain import Drain
from perennial_predictor.endpoints import Endpoints
from perennial_predictor.follow import Follower
from perennial_predictor.metrics import Metrics
from perennial_predictor.routes import Route, routes
from perennial_predictor.source import VersionSource
from perennial_predictor.v1 import V1Endpoints
from perennial_predictor.v2.endpoints import V2Endpoints

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from perennial_predictor.mirror import Mirror


@dataclass(frozen=True)
class Predictor:
    """The parts that answer for one model in one process."""

    settings: PredictorSettings
    key: ModelKey
    metrics: Metrics
    follower: Follower
    drain: Drain
    mirror: Mirror | None
    routes: Sequence[Route]
    application: Application


def assemble(
    settings: PredictorSettings,
    source: VersionSource,
    threads_for: Callable[[Cost], int],
    adapted: Callable[[Sequence[Route]], Sequence[Route]] = lambda each: each,
) -> Predictor:
    """Return a predictor that does nothing yet.

    Args:
        settings: Of the process.
        source: Where versions come from.
        threads_for: Says how many threads may predict at once.
        adapted: Returns the routes with what is answered otherwise.
    """
    metrics = Metrics()
    follower = Follower(settings, source, metrics, threads_for)
    drain = Drain(settings.drain_min_seconds, settings.drain_seconds)
    mirror = _mirror(settings, metrics)
    endpoints = Endpoints(str(source.key), settings, follower, metrics, drain, mirror)
    v1 = V1Endpoints(source.key.name, endpoints.is_ready)
    v2 = V2Endpoints(source.key.name, settings, endpoints.is_ready, endpoints.served, mirror)
    answered = adapted(routes(source.key.name, endpoints, v1, v2))
    make_api = partial(_api, source.key, answered, follower)
    application = Application(answered, make_api, follower, metrics, drain)
    return Predictor(settings, source.key, metrics, follower, drain, mirror, answered, application)


def _api(key: ModelKey, answered: Sequence[Route], follower: Follower) -> ASGIApp:
    from perennial_predictor.api import PredictorApi  # takes time and memory

    return PredictorApi(key, answered, follower)


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
