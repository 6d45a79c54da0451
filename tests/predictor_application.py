"""The predictor's application in this process, with a version that serves."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from served_models import KEY

from perennial_core.bundle import Bundle, write_bundle
from perennial_core.settings import PredictorSettings
from perennial_predictor.api import PredictorApi
from perennial_predictor.application import Application
from perennial_predictor.bundle_source import BundleSource
from perennial_predictor.drain import Drain
from perennial_predictor.endpoints import Endpoints
from perennial_predictor.follow import Follower
from perennial_predictor.metrics import Metrics
from perennial_predictor.routes import routes
from perennial_predictor.served import ServedVersion, StoredVersion
from perennial_predictor.v1 import V1Endpoints
from perennial_predictor.v2.endpoints import V2Endpoints


def application(stored: StoredVersion, served: ServedVersion, folder: Path) -> Application:
    """Return an application.

    Args:
        stored: A version.
        served: The same, as it serves.
        folder: Where it is written.
    """
    write_bundle(folder, Bundle(stored.manifest, stored.artifact))
    settings = PredictorSettings(bundle=folder)
    metrics, drain = Metrics(), Drain(0, 0)
    follower = Follower(settings, BundleSource(folder, settings), metrics)
    follower.current = served
    endpoints = Endpoints(str(KEY), settings, follower, metrics, drain)
    v1 = V1Endpoints(KEY.name, endpoints.is_ready)
    v2 = V2Endpoints(KEY.name, settings, endpoints.is_ready, endpoints.served)
    answered = routes(KEY.name, endpoints, v1, v2)
    make_api = partial(PredictorApi, KEY, answered, follower)
    return Application(answered, make_api, follower, metrics, drain)
