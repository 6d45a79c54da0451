"""Whether two versions predicted the same: pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
import numpy as np

from perennial_core.manifest import Task
from perennial_predictor.prediction import Scalar

RELATIVE_TOLERANCE = 1e-6
"""Numbers that are this close, relative to the larger one, are the same."""


_LARGEST = 1e140
"""A larger difference counts as this, so that sums stay finite."""

T = TypeVar("T")


class Unreadable(Exception):
    """What should be an answer with predictions is none."""


class _Tensor(msgspec.Struct, Generic[T]):
    """An output of the Open Inference Protocol."""

    data: list[T]


class _Answer(msgspec.Struct, Generic[T]):
    """An answer to many instances or to one; of the Open Inference Protocol, outputs, of which the
    first has the predictions."""

    predictions: list[T] | None = None
    prediction: T | None = None
    outputs: list[_Tensor[T]] | None = None


_NUMBERS = msgspec.json.Decoder(_Answer[float])
_LABELS = msgspec.json.Decoder(_Answer[Scalar])


@dataclass(frozen=True)
class Comparison:
    """What came of comparing two answers to the same request."""

    same: bool
    rows: int
    difference: float | None = None
    """Sum of the absolute differences of a regressor's predictions; None for a classifier."""


def compare(task: Task, ours: bytes, theirs: bytes) -> Comparison:
    """Compare two answers to one request, as JSON.

    Raises:
        Unreadable: One of them does not predict what the task asks for, or not for as many rows.
    """
    if task is Task.REGRESSION:
        return _compare_numbers(*_pair(_NUMBERS, ours, theirs))
    our_labels, their_labels = _pair(_LABELS, ours, theirs)
    return Comparison(our_labels == their_labels, len(our_labels))


def _compare_numbers(ours: list[float], theirs: list[float]) -> Comparison:
    a, b = np.array(ours), np.array(theirs)
    with np.errstate(over="ignore"):  # an infinite difference is one too
        differences = np.abs(a - b)
    larger = np.maximum(np.abs(a), np.abs(b))
    same = bool(np.all(differences <= RELATIVE_TOLERANCE * larger))
    return Comparison(same, len(ours), float(np.minimum(differences, _LARGEST).sum()))


def _pair(
    decoder: msgspec.json.Decoder[_Answer[T]], ours: bytes, theirs: bytes
) -> tuple[list[T], list[T]]:
    pair = _predictions(decoder, ours), _predictions(decoder, theirs)
    if len(pair[0]) != len(pair[1]):
        raise Unreadable(f"it has {len(pair[1])} predictions instead of {len(pair[0])}")
    return pair


def _predictions(decoder: msgspec.json.Decoder[_Answer[T]], body: bytes) -> list[T]:
    try:
        answer = decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(str(error)) from None
    if answer.predictions is not None:
        return answer.predictions
    if answer.outputs:
        return answer.outputs[0].data
    if answer.prediction is None:
        raise Unreadable("it has no predictions")
    return [answer.prediction]
