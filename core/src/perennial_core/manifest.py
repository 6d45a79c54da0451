"""The manifest: the immutable record of a version."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from perennial_core.identity import Digest, Version
from perennial_core.record import Record, refuse_non_finite

SCHEMA_VERSION = 1
"""Of the manifests that are written and read."""


class ArtifactFormat(StrEnum):
    ONNX = "onnx"
    SKOPS = "skops"


class Task(StrEnum):
    REGRESSION = "Regression"
    CLASSIFICATION = "Classification"


class ColumnType(StrEnum):
    """Type of a model's input or output column."""

    FLOAT64 = "float64"
    FLOAT32 = "float32"
    INT64 = "int64"
    BOOL = "bool"
    STRING = "string"


FLOAT32_LIMIT = 2.0**128 - 2.0**103
"""From here on a number is rounded to no finite float32. The largest of them, 2**128 - 2**104, is
written as 3.4028235e38, which as float64 is above it."""


class Column(Record, frozen=True, kw_only=True):
    """One input or output of a model. A value may be missing where ``nullable`` says so."""

    name: str
    type: ColumnType
    nullable: bool = False


class Metrics(Record, frozen=True, kw_only=True):
    """Scores on one holdout, by scikit-learn's scorer names (greater is better)."""

    candidate: dict[str, float | None]
    incumbent: dict[str, float | None] | None = None
    incumbent_version: Version | None = None
    incumbent_problem: str | None = None
    """Why the incumbent could not be measured, when there is one and it could not."""


class ExampleResult(Record, frozen=True, kw_only=True):
    """What the artifact predicts for one of the gate's examples."""

    inputs: dict[str, Any]
    prediction: str | int | float | bool | None = None
    problem: str | None = None
    """Why there is no prediction, when there is none."""


class Drift(Record, frozen=True, kw_only=True):
    """How far the training data moved from what the incumbent was trained on."""

    incumbent_version: Version
    features: dict[str, float] = {}
    """The population stability index of each feature that both have."""
    problem: str | None = None
    """Why it could not be measured, when it could not."""

    def __post_init__(self) -> None:
        refuse_non_finite("features", *self.features.values())


class ColumnProfile(Record, frozen=True, kw_only=True):
    """How the values of a feature are distributed, to measure the drift of later data.

    A numeric column has the inner edges of its bins, about a tenth of the rows in each; any other
    has its most frequent values. ``shares`` has a number for each bin or value, one more for all
    other values of a column that is not numeric, and last that of missing values.
    """

    edges: list[float] | None = None
    values: list[str] | None = None
    shares: list[float]

    def __post_init__(self) -> None:
        refuse_non_finite("shares", *self.shares)


class Rows(Record, frozen=True, kw_only=True):
    training: int
    holdout: int


class Parity(Record, frozen=True, kw_only=True):
    """How far the artifact's predictions are from the estimator's on the holdout.

    ``error`` is the largest absolute difference of a regressor's predictions, divided by the range
    of the estimator's predictions (by the largest absolute one where all are the same); or of a
    classifier's probabilities, whose labels must be equal.
    """

    error: float
    tolerance: float
    precision: Literal["float64", "float32"]

    def __post_init__(self) -> None:
        refuse_non_finite("error", self.error)


class Signature(Record, frozen=True, kw_only=True):
    """What must be known of an artifact to load it and to ask it for predictions."""

    model: str
    """``namespace/name``."""
    format: ArtifactFormat
    inputs: list[Column]
    """The features, in the order of a positional instance."""
    outputs: list[Column]
    task: Task
    classes: list[str | int | float | bool] | None = None
    """A classifier's labels, in the order of its probabilities."""
    libraries: dict[str, str]
    """Versions of what trained and serialized, by distribution name."""
    trusted_types: list[str] = []
    """The types that a skops artifact needs beyond those that skops trusts by itself."""


class Answer(StrEnum):
    """What was decided on a version."""

    APPROVED = "Approved"
    DENIED = "Denied"


class Decision(Record, frozen=True, kw_only=True):
    """Who let a version serve, or not. It is written once: only an approved version ever serves."""

    verdict: Answer
    by: str
    """The user's name in the cluster, or what decided by itself."""
    reason: str
    at: datetime


class PromotedFrom(Record, frozen=True, kw_only=True):
    """The version of another model whose artifact this is, and what was known of it there."""

    model: str
    """``namespace/name``."""
    version: Version
    registry: str | None = None
    """Host and port of its registry, when that is another."""
    created: datetime
    run_id: str
    training_spec_hash: str
    data_fingerprint: str
    """Of the data that it was trained on, or if it was promoted itself, last measured on."""
    decision: Decision | None = None
    """Who let it serve there."""
    promoted_from: PromotedFrom | None = None
    """Where that model had it from."""

    def __str__(self) -> str:
        where = f" of {self.registry}" if self.registry else ""
        return f"{self.model} v{self.version}{where}"


class ManifestBody(
    Signature, frozen=True, kw_only=True, tag_field="schemaVersion", tag=SCHEMA_VERSION
):
    """All that a manifest says but the version, which the registry gives at publishing."""

    format_reason: str | None = None
    """Why the artifact is not ONNX, when it is not."""
    digest: Digest
    size: int
    """Bytes of the artifact."""
    created: datetime
    run_id: str
    estimator: dict[str, Any]
    """``spec.training.estimator`` as it was."""
    example: list[str | int | float | bool | None] | None = None
    """One row of the holdout, in the order of the inputs: with it a predictor warms up."""
    metrics: Metrics
    drift: Drift | None = None
    """Absent where nothing served when the run began."""
    examples: list[ExampleResult] = []
    """The examples of the gate as it was, and what the artifact predicts for them."""
    profile: dict[str, ColumnProfile] = {}
    """How the features of the training data are distributed."""
    rows: Rows
    data_fingerprint: str
    training_spec_hash: str
    parity: Parity
    duration_seconds: float
    promoted_from: PromotedFrom | None = None
    """Where it was proved before; absent where it was trained for this model."""

    def numbered(self, version: Version) -> Manifest:
        """Return the manifest of this body as the given version."""
        return Manifest(version=version, **self.fields())


class Manifest(
    ManifestBody, frozen=True, kw_only=True, tag_field="schemaVersion", tag=SCHEMA_VERSION
):
    """The immutable record of a version."""

    version: Version
