"""A version that serves: its model, and how its requests are read and answered."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property

import msgspec

from perennial_core.artifact import (
    ArtifactUnusable,
    InstanceRefused,
    LoadedModel,
    Predictions,
    load_model,
)
from perennial_core.manifest import ColumnType, Manifest
from perennial_core.settings import PredictorSettings
from perennial_predictor import problems
from perennial_predictor.instances import InstanceReader, Row
from perennial_predictor.prediction import (
    PredictionAnswer,
    answer_to_many,
    answer_to_one,
    predict,
)
from perennial_predictor.tally import Tally, new_tally

_NEUTRAL = {ColumnType.BOOL: False, ColumnType.STRING: ""}
_WARM_UPS = 3


@dataclass(frozen=True)
class StoredVersion:
    """A version as the registry and the cache hold it; the digest is verified."""

    manifest: Manifest
    artifact: bytes


@dataclass(frozen=True)
class ServedVersion:
    """A version that is loaded and has answered a warm-up prediction."""

    manifest: Manifest
    model: LoadedModel
    reader: InstanceReader
    load_seconds: float
    """How long it took to load it and warm it up."""
    row_seconds: float
    """How long it takes to predict for one row."""
    tally: Tally
    """What it has answered."""

    @cached_property
    def stamp(self) -> tuple[bytes, bytes]:
        """The header that names the version."""
        return b"x-model-version", b"%d" % self.manifest.version

    def answer_body(self, body: bytes) -> bytes:
        """Return the answer to the body of a POST, both JSON.

        Raises:
            Problem: The body is not what the model takes, or the model refuses it.
        """
        predictions = self._predictions(self.reader.rows(body))
        answer = msgspec.json.encode(answer_to_many(self.manifest, predictions))
        self.tally.count(predictions.values)
        return answer

    def answer_query(self, query: bytes) -> PredictionAnswer:
        """Return the answer to the query of a GET.

        Raises:
            Problem: As ``answer_body``.
        """
        predictions = self._predictions([self.reader.row(query)])
        answer = answer_to_one(self.manifest, predictions)
        self.tally.count(predictions.values)
        return answer

    def _predictions(self, rows: list[Row]) -> Predictions:
        try:
            return predict(self.model, rows)
        except InstanceRefused as error:
            raise problems.invalid(
                "The model refuses the values; is there a category that it was not trained on?"
                f" {error}"
            ) from None


def load(stored: StoredVersion, settings: PredictorSettings) -> ServedVersion:
    """Load a version and let it answer a warm-up prediction.

    Raises:
        ArtifactUnusable: It cannot be loaded, or cannot predict.
    """
    started = time.perf_counter()
    manifest = stored.manifest
    try:
        model = load_model(
            manifest,
            stored.artifact,
            trusted_types=settings.trusted_types,
            threads=settings.threads,
        )
        reader = InstanceReader(manifest.inputs, settings.max_instances)
        row_seconds = _warm_up(model, manifest)
    except Exception as error:
        raise ArtifactUnusable(f"version {manifest.version} cannot be served: {error}") from error
    load_seconds = time.perf_counter() - started
    return ServedVersion(manifest, model, reader, load_seconds, row_seconds, new_tally(manifest))


def _warm_up(model: LoadedModel, manifest: Manifest) -> float:
    """Let the model predict for one row, and return how many seconds that takes.

    Without an example in the manifest the row is made up; a model that refuses made-up values, such
    as a category that it does not know, has answered too.
    """
    row = _neutral_row(manifest) if manifest.example is None else tuple(manifest.example)
    fastest = float("inf")
    for _ in range(_WARM_UPS):
        started = time.perf_counter()
        try:
            predict(model, [row])
        except InstanceRefused:
            if manifest.example is not None:
                raise
        fastest = min(fastest, time.perf_counter() - started)
    return fastest


def _neutral_row(manifest: Manifest) -> Row:
    return tuple(_NEUTRAL.get(column.type, 0) for column in manifest.inputs)
