"""Starts the predictor for tests with the one version of a bundle, with no registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from predictor_process import PredictorProcess
from served_models import FittedModel

from perennial_core.bundle import Bundle, write_bundle
from perennial_core.settings import RegistrySettings

NO_REGISTRY = RegistrySettings()


def bundled_predictor(
    directory: Path, model: FittedModel, version: int = 1, **settings: Any
) -> PredictorProcess:
    """Return a predictor of this model, yet to be started."""
    stored = model.stored(version=version)
    write_bundle(directory / "bundle", Bundle(stored.manifest, stored.artifact))
    given = {"bundle": directory / "bundle", "drain_min_seconds": 0, **settings}
    return PredictorProcess(directory, NO_REGISTRY, **given)
