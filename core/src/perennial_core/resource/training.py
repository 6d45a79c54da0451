"""``spec.training``: when and from what a model is trained."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from perennial_core.resource.base import VALIDATIONS, KubernetesObject, Part, rule
from perennial_core.resource.data import DataSpec
from perennial_core.resource.runs import RunSpec, short_hash
from perennial_core.validation import Matching

ClassPath = Annotated[
    str,
    Matching(
        r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$",
        "the full name of a class, such as sklearn.linear_model.LinearRegression",
        max_length=253,
    ),
]
"""The full name of a Python class, such as sklearn.linear_model.LinearRegression."""


class Step(Part):
    """One step of a pipeline."""

    name: Annotated[
        str,
        Matching(
            r"^[A-Za-z0-9]([A-Za-z0-9_-]*)$",
            "a step's name: letters, digits, dashes and underscores",
            max_length=63,
        ),
    ]
    class_: Annotated[ClassPath, Field(alias="class")]
    params: KubernetesObject = {}


class EstimatorSpec(Part):
    """A scikit-learn estimator, or a pipeline given as steps.

    A parameter that is itself an estimator is written as ``{class: ..., params: {...}}``.
    """

    model_config = ConfigDict(
        json_schema_extra={
            VALIDATIONS: [
                rule(
                    "has(self.class) != has(self.steps)",
                    "estimator: give exactly one of class and steps",
                ),
                rule(
                    "!has(self.params) || has(self.class)",
                    "estimator.params: belongs to class; with steps, give each step its own params",
                ),
            ]
        }
    )

    class_: Annotated[ClassPath | None, Field(alias="class")] = None
    """Full name of the estimator's class, for example sklearn.linear_model.LinearRegression."""
    params: KubernetesObject | None = None
    """Arguments of the class."""
    steps: (
        Annotated[
            list[Step],
            Field(
                min_length=1,
                max_length=32,
                json_schema_extra={
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                },
            ),
        ]
        | None
    ) = None
    """A pipeline: transformers and, last, the estimator. It replaces the default preprocessing."""

    @model_validator(mode="after")
    def _class_or_steps(self) -> Self:
        if (self.class_ is None) == (self.steps is None):
            raise ValueError("give exactly one of class and steps")
        if self.params is not None and self.class_ is None:
            raise ValueError("params belongs to class; with steps, give each step its own params")
        return self


class Streaming(Part):
    """Training by batches, for more rows than memory holds: each is read, given to the estimator's
    partial_fit, and forgotten."""

    batch_rows: Annotated[int, Field(ge=10, le=10_000_000)] = 100_000
    """How many rows are in memory at a time, and at most in the holdout."""
    epochs: Annotated[int, Field(ge=1, le=1000)] = 1
    """How often the estimator is shown all rows."""


class TrainingSpec(RunSpec):
    """How versions of the model are made."""

    model_config = ConfigDict(
        json_schema_extra={
            VALIDATIONS: [
                rule(
                    "!has(self.streaming) || self.data.uri.startsWith('file:')",
                    "streaming: only a file: uri can be read by batches",
                )
            ]
        }
    )

    data: DataSpec
    estimator: EstimatorSpec
    streaming: Streaming | None = None
    """Train by batches. The estimator needs partial_fit, and so do the transformers before it.
    Absent: all rows are in memory at once."""

    @model_validator(mode="after")
    def _streams_files(self) -> Self:
        if self.streaming is not None and not self.data.uri.startswith("file:"):
            raise ValueError("streaming: only a file: uri can be read by batches")
        return self

    def content_hash(self) -> str:
        """Return the hash of what decides the trained model: data, estimator and batches.

        Schedule, time zone, resources, timeout and retries change when and where a run happens, and
        checks of the data whether it is one, not what comes of it.
        """
        data: dict[str, Any] = self.data.to_json()
        del data["skipUnchanged"], data["checks"]
        content = {"data": data, "estimator": self.estimator.to_json()}
        if self.streaming is not None:
            content["streaming"] = self.streaming.to_json()
        return short_hash(content)
