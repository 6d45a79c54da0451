"""Builds what tests need in many places."""

from __future__ import annotations

from datetime import UTC, datetime

from perennial_core.identity import ModelKey, digest_of
from perennial_core.manifest import (
    ArtifactFormat,
    Column,
    ColumnType,
    ManifestBody,
    Metrics,
    Parity,
    Rows,
    Task,
)
from perennial_core.resource import PredictionModel, TrainingSpec

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def trained(model: PredictionModel) -> TrainingSpec:
    """Return how versions of a model that is trained here are made."""
    assert model.spec.training is not None
    return model.spec.training


def spec_hash(model: PredictionModel) -> str:
    """Return the hash that a manifest of the model's present spec has."""
    assert model.spec.runs is not None
    return model.spec.runs.content_hash()


def manifest_body(key: ModelKey, artifact: bytes, run_id: str = "run") -> ManifestBody:
    return ManifestBody(
        model=str(key),
        digest=digest_of(artifact),
        format=ArtifactFormat.ONNX,
        size=len(artifact),
        created=NOW,
        run_id=run_id,
        estimator={"class": "sklearn.linear_model.LinearRegression"},
        inputs=[Column(name="x", type=ColumnType.FLOAT64)],
        outputs=[Column(name="y", type=ColumnType.FLOAT64)],
        task=Task.REGRESSION,
        metrics=Metrics(candidate={"r2": 0.9}),
        rows=Rows(training=80, holdout=20),
        data_fingerprint="f",
        training_spec_hash="h",
        libraries={},
        parity=Parity(error=0.0, tolerance=1e-6, precision="float64"),
        duration_seconds=0.1,
    )
