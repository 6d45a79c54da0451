"""When two versions predicted the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_core.manifest import Task
from perennial_predictor.comparison import Comparison, Unreadable, compare

NUMBERS = st.lists(st.floats(-1e300, 1e300), min_size=1)


def many(*predictions: Any) -> bytes:
    return json.dumps({"predictions": predictions, "model": "a/b", "version": 1}).encode()


def one(prediction: Any) -> bytes:
    return json.dumps({"prediction": prediction, "model": "a/b", "version": 1}).encode()


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (many(1.0, 2.0), many(1.0, 2.0), Comparison(True, 2, 0.0)),
        (one(1), one(1.0), Comparison(True, 1, 0.0)),
        (many(1e6), many(1e6 + 0.75), Comparison(True, 1, 0.75)),
        (many(1e6), many(1e6 + 1.25), Comparison(False, 1, 1.25)),
        (many(5.0, 1.0), many(5.0, -2.0), Comparison(False, 2, 3.0)),
        (many(0.0, -0.0), many(0.0, 0.0), Comparison(True, 2, 0.0)),
        (many(0.0), many(1e-9), Comparison(False, 1, 1e-9)),
        (many(1e308), many(-1e308), Comparison(False, 1, 1e140)),
    ],
)
def test_numbers_are_the_same_within_a_relative_millionth(
    ours: bytes, theirs: bytes, expected: Comparison
) -> None:
    assert compare(Task.REGRESSION, ours, theirs) == expected


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (many("a", "b"), many("a", "b"), True),
        (many("a", "b"), many("b", "a"), False),
        (one(1_000_000), one(1_000_001), False),
        (one(True), one(False), False),
        (one("1"), one(1), False),
    ],
)
def test_labels_are_the_same_when_they_are_equal(ours: bytes, theirs: bytes, same: bool) -> None:
    comparison = compare(Task.CLASSIFICATION, ours, theirs)
    assert (comparison.same, comparison.difference) == (same, None)


@pytest.mark.parametrize(
    "theirs", [b"", b"no JSON", b"\xff", b"[]", b"{}", many(), many(1.0, 2.0), one("a")]
)
def test_what_is_no_answer_to_the_same_request_is_not_compared(theirs: bytes) -> None:
    with pytest.raises(Unreadable):
        compare(Task.REGRESSION, many(1.0), theirs)


@given(NUMBERS)
def test_what_is_equal_is_the_same(numbers: list[float]) -> None:
    body = many(*numbers)
    assert compare(Task.REGRESSION, body, body) == Comparison(True, len(numbers), 0.0)


@given(NUMBERS, st.randoms(use_true_random=False))
def test_it_does_not_matter_which_is_the_shadow(numbers: list[float], random: Any) -> None:
    others = [number * random.uniform(1 - 2e-6, 1 + 2e-6) for number in numbers]
    ours, theirs = many(*numbers), many(*others)
    assert compare(Task.REGRESSION, ours, theirs) == compare(Task.REGRESSION, theirs, ours)
