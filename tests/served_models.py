"""Small fitted models in the form in which they are published, for tests of what serves them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from builders import NOW, manifest_body
from serving import approve_and_serve
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.impute import SimpleImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeRegressor

from perennial_core.artifact.frame import estimator_predictions
from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import (
    ArtifactFormat,
    Column,
    ColumnType,
    ManifestBody,
    Signature,
    Task,
)
from perennial_core.registry import Registry, Serving
from perennial_core.settings import PredictorSettings, RegistrySettings
from perennial_predictor.served import ServedVersion, StoredVersion, load
from perennial_trainer.serialization.checks import Checked
from perennial_trainer.serialization.serialize import Serialized, serialize

KEY = ModelKey("tests", "model")


@dataclass(frozen=True)
class FittedModel:
    """An estimator, some of its rows, and the artifact made from it."""

    estimator: Any
    rows: pd.DataFrame
    serialized: Serialized

    def body(self, key: ModelKey = KEY, run_id: str = "run") -> ManifestBody:
        """Return the manifest but for the version; its example is the first row."""
        signature = self.serialized.signature.changed(model=str(key))
        changes = {**signature.fields(), "example": self.instances()[0], "created": NOW}
        return manifest_body(key, self.serialized.artifact, run_id).changed(**changes)

    def instances(self) -> list[list[Any]]:
        """Return the rows as JSON has them, by position."""
        kinds = [column.type for column in self.serialized.signature.inputs]
        return [
            [_plain(value, kind) for value, kind in zip(row, kinds, strict=True)]
            for row in self.rows.itertuples(index=False)
        ]

    def stored(self, key: ModelKey = KEY, version: int = 1) -> StoredVersion:
        manifest = self.body(key).numbered(Version(version))
        return StoredVersion(manifest, self.serialized.artifact)

    def served(self, key: ModelKey = KEY, version: int = 1, **limits: Any) -> ServedVersion:
        settings = PredictorSettings(model=str(key), cache_directory=Path("unused"), **limits)
        return load(self.stored(key, version), settings)


async def publish(
    registry: Registry, key: ModelKey, model: FittedModel, *, serve: bool = True, **changes: Any
) -> Serving:
    """Publish a model as the next version, and say that it should serve.

    Args:
        registry: Where to.
        key: As which model.
        model: What.
        serve: Whether to name it as the version that should serve.
        changes: Of the manifest.
    """
    latest = await registry.latest(key) or 0
    body = model.body(key, run_id=f"run-{latest}").changed(**changes)
    publication = await registry.publish(key, body, model.serialized.artifact, started=NOW)
    serving = Serving(version=publication.version, digest=body.digest)
    if serve:
        await approve_and_serve(registry, key, serving.version, serving.digest)
    return serving


def published(
    settings: RegistrySettings, key: ModelKey, model: FittedModel, **options: Any
) -> Serving:
    """Do the same from a test that is not asynchronous."""

    async def connect_and_publish() -> Serving:
        async with Registry.from_settings(settings) as registry:
            return await publish(registry, key, model, **options)

    return asyncio.run(connect_and_publish())


def line(slope: float = 2.0, feature: str = "x") -> FittedModel:
    """One number in: slope * x + 3."""
    rows = pd.DataFrame({feature: np.linspace(-5, 5, 11)})
    target = slope * rows[feature] + 3
    return fitted(LinearRegression(), rows, target, [Column(name=feature, type=ColumnType.FLOAT64)])


def plane() -> FittedModel:
    """Two numbers in."""
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=["x1", "x2"])
    inputs = [Column(name=name, type=ColumnType.FLOAT64) for name in rows.columns]
    return fitted(LinearRegression(), rows, rows["x1"] - 3 * rows["x2"], inputs)


def iris() -> FittedModel:
    """A classifier of three flowers by name."""
    data = load_iris(as_frame=True)
    names = data.target.map(dict(enumerate(data.target_names)))
    inputs = [Column(name=name, type=ColumnType.FLOAT64) for name in data.data.columns]
    estimator = LogisticRegression(max_iter=1000)
    return fitted(estimator, data.data, names, inputs, classes=data.target_names.tolist())


def mixed() -> FittedModel:
    """A column of each type; number and text may be missing, the code is one of three."""
    rows = pd.DataFrame(
        {
            "number": [1.5, None, 3.0, 4.0, 5.5, 7.0],
            "count": [1.0, 2.0, 3.0, 4.0, 5.0, 7.0],
            "flag": [1.0, 0.0, 1.0, 1.0, 0.0, 0.0],
            "colour": ["red", "blue", None, "red", "blue", "red"],
            "code": ["a", "b", "c", "c", "b", "a"],
        }
    )
    encode = ColumnTransformer(
        [
            ("numbers", SimpleImputer(), ["number", "count", "flag"]),
            ("colours", OneHotEncoder(handle_unknown="ignore"), ["colour"]),
            ("codes", OneHotEncoder(handle_unknown="error"), ["code"]),
        ],
        sparse_threshold=0.0,
    )
    inputs = [
        Column(name="number", type=ColumnType.FLOAT64, nullable=True),
        Column(name="count", type=ColumnType.INT64),
        Column(name="flag", type=ColumnType.BOOL),
        Column(name="colour", type=ColumnType.STRING, nullable=True),
        Column(name="code", type=ColumnType.STRING),
    ]
    estimator = Pipeline([("encode", encode), ("predict", LinearRegression())])
    return fitted(estimator, rows, np.array([1.0, 3.0, 2.0, 5.0, 4.0, 8.0]), inputs)


def large() -> FittedModel:
    """An artifact of some 5 MB, which takes several times that in memory."""
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"x": random.normal(size=60_000)})
    inputs = [Column(name="x", type=ColumnType.FLOAT64)]
    return fitted(DecisionTreeRegressor(), rows, random.normal(size=len(rows)), inputs)


def without_onnx() -> FittedModel:
    """An estimator that is published as skops."""
    rows = pd.DataFrame({"x": np.linspace(0, 10, 20)})
    inputs = [Column(name="x", type=ColumnType.FLOAT64)]
    return fitted(KernelRidge(kernel="rbf"), rows, rows["x"] ** 2, inputs)


def fitted(
    estimator: Any,
    rows: pd.DataFrame,
    target: Any,
    inputs: Sequence[Column],
    classes: list[Any] | None = None,
) -> FittedModel:
    estimator.fit(rows, target)
    signature = Signature(
        model=str(KEY),
        format=ArtifactFormat.ONNX,
        inputs=list(inputs),
        outputs=[Column(name="y", type=ColumnType.STRING if classes else ColumnType.FLOAT64)],
        task=Task.CLASSIFICATION if classes else Task.REGRESSION,
        classes=classes,
        libraries={},
    )
    checked = Checked(rows, estimator_predictions(estimator, rows, signature))
    return FittedModel(estimator, rows, serialize(estimator, signature, [checked], []))


def _plain(value: Any, kind: ColumnType) -> Any:
    if pd.isna(value):
        return None
    plain = {ColumnType.INT64: int, ColumnType.BOOL: bool, ColumnType.STRING: str}
    return plain.get(kind, float)(value)
