"""The version that serves, measured on the same holdout as the candidate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from perennial_core.artifact import InstanceRefused, LoadedModel, Predictions, load_model
from perennial_core.artifact.model import labels
from perennial_core.errors import UserError
from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import Column, ColumnType, Manifest, Metrics, Signature, Task
from perennial_core.registry import Registry
from perennial_trainer.data.columns import Array
from perennial_trainer.data.holdout import Part
from perennial_trainer.failure import brief
from perennial_trainer.metrics import scores
from perennial_trainer.serialization.parity import ask


@dataclass(frozen=True)
class Incumbent:
    """The serving version, or why it cannot be measured."""

    version: Version
    model: LoadedModel | None
    problem: str | None = None
    manifest: Manifest | None = None
    """None where it is lost, or not to be read."""


class _NotMeasurable(Exception):
    """The incumbent cannot predict for this holdout."""


async def load_incumbent(
    registry: Registry, key: ModelKey, trusted_types: Sequence[str]
) -> Incumbent | None:
    """Return what serves; None when nothing does."""
    serving = await registry.serving(key)
    if serving is None:
        return None
    manifest = None
    try:
        manifest = await registry.manifest(key, serving.version)
        artifact = await registry.artifact(key, manifest.digest)
        model = load_model(manifest, artifact, trusted_types=trusted_types)
    except (UserError, ValidationError) as error:
        return Incumbent(serving.version, None, brief(error), manifest)
    return Incumbent(serving.version, model, None, manifest)


def with_incumbent(
    candidate: dict[str, float | None],
    incumbent: Incumbent | None,
    holdout: Part,
    signature: Signature,
) -> Metrics:
    """Return the candidate's scores beside the same ones of the incumbent on the same holdout."""
    if incumbent is None:
        return Metrics(candidate=candidate)
    measured, problem = None, incumbent.problem
    if incumbent.model is not None:
        try:
            measured = _scores(candidate, incumbent.model, holdout, signature)
        except _NotMeasurable as error:
            problem = str(error)
    return Metrics(
        candidate=candidate,
        incumbent=measured,
        incumbent_version=incumbent.version,
        incumbent_problem=problem,
    )


def _scores(
    names: Iterable[str], model: LoadedModel, holdout: Part, signature: Signature
) -> dict[str, float | None]:
    if model.manifest.task is not signature.task:
        raise _NotMeasurable(f"it does {model.manifest.task}, the candidate {signature.task}")
    _check_inputs(model.manifest.inputs, holdout, signature)
    features = holdout.features[[column.name for column in model.manifest.inputs]]
    try:
        predictions = ask(model, features)
    except InstanceRefused as error:
        raise _NotMeasurable(brief(error)) from error
    _check_finite(predictions, signature)
    return scores(names, truth(holdout, signature), predictions, model.manifest)


def truth(holdout: Part, signature: Signature) -> Array:
    """Return the true values of the holdout, of the type of the predictions."""
    return (
        holdout.target if signature.task is Task.REGRESSION else labels(holdout.target, signature)
    )


def _check_inputs(inputs: Sequence[Column], holdout: Part, signature: Signature) -> None:
    known = {column.name: column for column in signature.inputs}
    gone = [column.name for column in inputs if column.name not in known]
    if gone:
        raise _NotMeasurable(f"it needs the columns {', '.join(gone)}, no longer features")
    for column in inputs:
        is_text = known[column.name].type is ColumnType.STRING
        if is_text != (column.type is ColumnType.STRING):
            raise _NotMeasurable(f"column {column.name} was {column.type} for it")
        if not column.nullable and holdout.features[column.name].isna().any():
            raise _NotMeasurable(f"column {column.name} misses values, which it cannot take")


def _check_finite(predictions: Predictions, signature: Signature) -> None:
    if signature.task is Task.REGRESSION and not np.isfinite(predictions.values).all():
        raise _NotMeasurable("it does not predict a finite number for every row")
