"""Finds the artifact for an estimator: ONNX if it predicts the same, else skops, else none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from perennial_core.artifact import (
    ArtifactUnusable,
    InstanceRefused,
    LoadedModel,
    Predictions,
    load_model,
)
from perennial_core.errors import brief
from perennial_core.manifest import ArtifactFormat, Parity, Signature
from perennial_trainer.failure import SpecError
from perennial_trainer.serialization.checks import Checked
from perennial_trainer.serialization.onnx_graph import (
    NotConvertible,
    Precision,
    precisions,
    to_onnx,
)
from perennial_trainer.serialization.parity import (
    TOLERANCES,
    Disparity,
    agree,
    ask,
    joined,
    parity_error,
    picked,
)

_LIBRARIES = {
    ArtifactFormat.ONNX: ("numpy", "onnx", "scikit-learn", "skl2onnx"),
    ArtifactFormat.SKOPS: ("numpy", "scikit-learn", "skops"),
}


@dataclass(frozen=True)
class Serialized:
    """An artifact that predicts what the estimator predicts."""

    artifact: bytes
    signature: Signature
    parity: Parity
    model: LoadedModel
    """The artifact, loaded."""
    predictions: tuple[Predictions, ...]
    """Its own predictions for the rows of each check."""
    format_reason: str | None = None
    """Why it is not ONNX, when it is not."""


@dataclass(frozen=True)
class _Attempt:
    name: str
    format: ArtifactFormat
    precision: Precision
    make: Callable[[], bytes]


def serialize(
    estimator: Any, signature: Signature, checks: Sequence[Checked], trusted_types: Sequence[str]
) -> Serialized:
    """Return the first artifact that passes the checks.

    Args:
        estimator: Fitted.
        signature: Of the estimator; format and what follows from it are filled in here.
        checks: Rows for which artifact and estimator must predict the same.
        trusted_types: Types that a skops artifact may need beyond the project's own list.

    Raises:
        SpecError: None passes; the text says why.
    """
    problems: dict[str, str] = {}  # the first attempt that had it, by problem
    for attempt in _attempts(estimator, signature):
        try:
            serialized = _serialized(attempt, signature, checks, trusted_types)
            return replace(serialized, format_reason=_reason(problems, attempt))
        except (NotConvertible, ArtifactUnusable, InstanceRefused, Disparity) as error:
            problems.setdefault(brief(error, 200), attempt.name)
    raise SpecError(
        "spec.training.estimator: nothing can be published that predicts the same: "
        + "; ".join(f"as {name}: {problem}" for problem, name in problems.items())
    )


def _reason(problems: Mapping[str, str], attempt: _Attempt) -> str | None:
    """Return why an attempt that passed is not ONNX; None when it is."""
    if attempt.format is ArtifactFormat.ONNX:
        return None
    if len(problems) == 1:
        return f"as ONNX: {next(iter(problems))}"
    return "; ".join(f"as {name}: {problem}" for problem, name in problems.items())


def _attempts(estimator: Any, signature: Signature) -> Iterator[_Attempt]:
    for precision in precisions(estimator):
        make = partial(to_onnx, estimator, signature.inputs, signature.task, precision)
        yield _Attempt(f"ONNX ({precision})", ArtifactFormat.ONNX, precision, make)
    yield _Attempt("skops", ArtifactFormat.SKOPS, "float64", partial(_to_skops, estimator))


def _to_skops(estimator: Any) -> bytes:
    from skops import io

    try:
        content: bytes = io.dumps(estimator)
    except Exception as error:  # skops lets through what a type's own reduction raises
        raise NotConvertible(f"{type(error).__name__}: {error}") from error
    return content


def _serialized(
    attempt: _Attempt,
    signature: Signature,
    checks: Sequence[Checked],
    trusted_types: Sequence[str],
) -> Serialized:
    artifact = attempt.make()
    full = signature.changed(
        format=attempt.format,
        libraries={name: version(name) for name in _LIBRARIES[attempt.format]},
        trusted_types=_needed_types(attempt.format, artifact),
    )
    model = load_model(full, artifact, trusted_types=trusted_types)
    predictions = tuple(ask(model, check.features) for check in checks)
    tolerance = TOLERANCES[attempt.precision]
    error = _error(checks, joined(list(predictions)), tolerance)
    parity = Parity(error=error, tolerance=tolerance, precision=attempt.precision)
    return Serialized(artifact, full, parity, model, predictions)


def _error(checks: Sequence[Checked], actual: Predictions, tolerance: float) -> float:
    """Return the parity error of all checks; a Disparity tells whether gaps in the rows make it."""
    expected = joined([check.expected for check in checks])
    try:
        return parity_error(expected, actual, tolerance)
    except Disparity as disparity:
        whole = np.concatenate([check.features.notna().all(axis=1) for check in checks])
        if whole.all() or not agree(picked(expected, whole), picked(actual, whole), tolerance):
            raise
        raise Disparity(
            f"{disparity}, and only in rows that miss values; a SimpleImputer as a step fills them"
        ) from None


def _needed_types(kind: ArtifactFormat, artifact: bytes) -> list[str]:
    if kind is ArtifactFormat.ONNX:
        return []
    from skops import io

    return sorted(io.get_untrusted_types(data=artifact))
