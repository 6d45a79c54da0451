"""``spec.gate``: what a candidate has to prove before it may serve."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from perennial_core.resource.base import VALIDATIONS, KubernetesObject, Part, rule
from perennial_core.validation import Matching, repeated

Number = Annotated[
    str,
    Matching(r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$", 'a decimal number, such as "0.8"', max_length=32),
]
"""A decimal number, written as a string."""

NonNegative = Annotated[
    str,
    Matching(
        r"^[0-9]{1,15}(\.[0-9]{1,15})?$", 'a decimal number from 0, such as "0.02"', max_length=32
    ),
]
"""A decimal number that is not negative, written as a string."""

Scorer = Annotated[
    str,
    Matching(r"^[a-z][a-z0-9_]*$", "the name of a scorer, such as r2 or f1_macro", max_length=63),
]
"""The name of one of scikit-learn's scorers."""


def _is_scalar(value: object) -> object:
    if not isinstance(value, str | int | float | bool):
        raise ValueError("must be a number, a text, true or false")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"must be a finite number, not {value}")
    return value


Scalar = Annotated[
    str | int | float | bool,
    PlainValidator(_is_scalar),
    WithJsonSchema({"x-kubernetes-preserve-unknown-fields": True}),
]


class OnFailure(StrEnum):
    REJECT = "Reject"
    REVIEW = "Review"


class MetricGate(Part):
    """Bounds of one metric on the holdout. Greater is better, as with all scorers."""

    model_config = ConfigDict(
        json_schema_extra={
            VALIDATIONS: [
                rule(
                    "has(self.min) || has(self.max) || has(self.maxRegression)",
                    "metrics: give at least one of min, max and maxRegression",
                ),
                rule(
                    "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
                    "metrics: min must not be above max",
                ),
            ]
        }
    )

    name: Scorer
    """One of scikit-learn's scorers, such as r2, neg_mean_absolute_error or f1_macro."""
    min: Number | None = None
    """The least that passes."""
    max: Number | None = None
    """The most that passes: what is better than can be is wrong as well."""
    max_regression: NonNegative | None = None
    """How far below the incumbent's score, on the same holdout, the candidate's may be."""

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.min is self.max is self.max_regression is None:
            raise ValueError("give at least one of min, max and maxRegression")
        return self

    @model_validator(mode="after")
    def _min_is_not_above_max(self) -> Self:
        if self.min is not None and self.max is not None and float(self.min) > float(self.max):
            raise ValueError("min must not be above max")
        return self


class DriftGate(Part):
    """How far the data may have moved from what the incumbent was trained on."""

    max: NonNegative
    """The most that any feature's population stability index may be; by custom 0.1 is a small and
    0.25 a large change."""


class Example(Part):
    """One prediction that a candidate has to make."""

    inputs: KubernetesObject
    """A value for each feature, by name."""
    expected: Scalar
    """The prediction: a number, or a classifier's label."""
    tolerance: NonNegative = "0"
    """How far a predicted number may be from the expected one."""


class GateSpec(Part):
    """What a candidate has to prove before it may serve."""

    metrics: Annotated[
        list[MetricGate],
        Field(
            max_length=32,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
        ),
    ] = []
    """Bounds of metrics on the holdout."""
    drift: DriftGate | None = None
    """A bound for the drift of the data."""
    examples: Annotated[list[Example], Field(max_length=100)] = []
    """Predictions that the candidate's artifact has to make."""
    on_failure: OnFailure = OnFailure.REJECT
    """Reject a candidate that fails, or have a person Review it. What cannot be decided for want of
    evidence is always reviewed."""

    @model_validator(mode="after")
    def _metrics_are_named_once(self) -> Self:
        if (twice := repeated(metric.name for metric in self.metrics)) is not None:
            raise ValueError(f"metrics: {twice!r} stands there twice")
        return self
