"""Drift: the population stability index of each feature against what the incumbent learned from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders import manifest_body
from hypothesis import given, settings
from hypothesis import strategies as st
from trainer_builders import trained

from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import Column, ColumnProfile, ColumnType
from perennial_trainer.drift import Distribution, distributions, stability_index
from perennial_trainer.incumbent import Incumbent

NUMBER = st.floats(allow_infinity=False, allow_subnormal=True)
"""NaN included: a missing value."""
TEXT = st.one_of(st.none(), st.sampled_from("abc"), st.text(max_size=3), st.just("x" * 300))
COLUMN = st.one_of(
    st.tuples(st.just(ColumnType.FLOAT64), st.lists(NUMBER, min_size=1, max_size=60)),
    st.tuples(
        st.just(ColumnType.BOOL), st.lists(st.sampled_from([0.0, 1.0, math.nan]), min_size=1)
    ),
    st.tuples(st.just(ColumnType.STRING), st.lists(TEXT, min_size=1, max_size=60)),
)


def distribution(values: Any, kind: ColumnType = ColumnType.FLOAT64) -> Distribution:
    column = Column(name="x", type=kind)
    dtype = object if kind is ColumnType.STRING else np.float64
    frame = pd.DataFrame({"x": np.array(values, dtype=dtype)})
    return distributions(frame, [column])["x"][1]


def profile(values: Any, kind: ColumnType = ColumnType.FLOAT64) -> ColumnProfile:
    """Return a profile as a manifest gives it back."""
    text = distribution(values, kind).profile().to_bytes()
    return ColumnProfile.of_bytes(text)


def index(before: Any, now: Any, kind: ColumnType = ColumnType.FLOAT64) -> float:
    return stability_index(profile(before, kind), distribution(now, kind))


@settings(deadline=None)
@given(column=COLUMN, seed=st.integers(0, 9))
def test_the_same_values_in_any_order_have_not_moved(
    column: tuple[ColumnType, list[Any]], seed: int
) -> None:
    kind, values = column
    shuffled = list(values)
    np.random.default_rng(seed).shuffle(shuffled)
    assert index(values, shuffled, kind) == 0
    assert profile(values, kind) == profile(shuffled, kind)


@settings(deadline=None)
@given(data=st.data(), column=COLUMN)
def test_the_index_is_a_number_from_0_whatever_came(
    data: st.DataObject, column: tuple[ColumnType, list[Any]]
) -> None:
    kind, before = column
    others = {"FLOAT64": NUMBER, "BOOL": st.sampled_from([0.0, 1.0, math.nan]), "STRING": TEXT}
    now = data.draw(st.lists(others[kind.name], min_size=1, max_size=60))
    assert 0 <= index(before, now, kind) < math.inf


@settings(deadline=None)
@given(column=COLUMN)
def test_a_profile_has_a_share_for_each_bin_and_all_rows_in_them(
    column: tuple[ColumnType, list[Any]],
) -> None:
    kind, values = column
    found = profile(values, kind)
    bins = len(found.values) + 1 if found.values is not None else len(found.edges or []) + 1
    assert len(found.shares) == bins + 1
    assert sum(found.shares) == pytest.approx(1, abs=1e-4)
    assert found.edges is None or found.edges == sorted(set(found.edges))
    assert len(found.edges or found.values or []) <= 20


@settings(deadline=None)
@given(
    seed=st.integers(0, 100), small=st.floats(0.1, 0.5), more=st.floats(0.5, 3), scale=st.floats(1)
)
def test_the_further_values_move_the_higher_the_index(
    seed: int, small: float, more: float, scale: float
) -> None:
    scale = min(scale, 1e100)
    values = np.random.default_rng(seed).normal(size=500)
    near, far = (index(values * scale, (values + by) * scale) for by in (small, small + more))
    assert 0 < near < far


@pytest.mark.parametrize("share", [0.02, 0.05, 0.5, 0.95, 0.98])
def test_one_of_two_values_that_becomes_rarer_moves_the_index(share: float) -> None:
    before = np.repeat([0.0, 1.0], [round(1000 * share), 1000 - round(1000 * share)])
    now = np.repeat([0.0, 1.0], [round(1000 * (1 - share)), round(1000 * share)])
    mixed = np.repeat([0.0, 1.0], [250, 750])
    assert index(before, now) > 1 or share == 0.5
    assert index(before, mixed) > 0.1


def test_another_constant_is_another_distribution() -> None:
    assert index(np.full(50, 5.0), np.full(50, 6.0)) > 5


def test_values_that_go_missing_move_the_index() -> None:
    values = np.arange(100.0)
    assert index(values, np.where(values < 50, np.nan, values)) > 1
    texts = ["a", "b"] * 50
    assert index(texts, [None, "b"] * 50, ColumnType.STRING) > 1


def test_the_index_is_that_of_the_formula() -> None:
    """Shares of 0.5 and 0.5 become 0.8 and 0.2; the floor of 0.0001 stands in for empty bins."""
    found = index(["a", "b"] * 5, ["a"] * 8 + ["b"] * 2, ColumnType.STRING)
    assert found == pytest.approx(0.3 * math.log(0.8 / 0.5) - 0.3 * math.log(0.2 / 0.5))
    found = index(["a"] * 10, ["a"] * 5 + ["b"] * 5, ColumnType.STRING)
    of_b = (0.5 - 0.0001) * math.log(0.5 / 0.0001)
    assert found == pytest.approx(-0.5 * math.log(0.5) + of_b)


def test_numbers_have_a_tenth_of_the_rows_in_each_bin() -> None:
    found = profile(np.random.default_rng(0).permutation(100.0 + np.arange(1000)))
    assert found.edges == [199 + 100 * i for i in range(9)]
    assert found.shares == [0.1] * 10 + [0]


def test_texts_keep_the_most_frequent_values() -> None:
    names = [f"{i:03}" for i in range(100)]
    found = profile([*names, *names[50:], "x" * 201, None], ColumnType.STRING)
    assert found.values == names[50:70]
    assert found.shares[-2:] == [pytest.approx(1 - 41 / 152, abs=1e-5), round(1 / 152, 6)]


COLUMNS: dict[str, Any] = {
    "x": np.arange(100.0),
    "color": ["red", "blue"] * 50,
    "y": 2 * np.arange(100.0),
}


def incumbent(columns: dict[str, Any] | None, **changes: Any) -> Incumbent:
    """Return version 3, trained on these columns."""
    if columns is None:
        return Incumbent(Version(3), None, "it is gone")
    candidate = trained(columns)
    profile, inputs = candidate.profile, candidate.serialized.signature.inputs
    body = manifest_body(ModelKey("tests", "points"), b"").changed(
        **{"inputs": inputs, "profile": profile, **changes}
    )
    return Incumbent(Version(3), None, "not of interest", body.numbered(Version(3)))


def test_each_feature_has_an_index_against_the_incumbent() -> None:
    moved = {**COLUMNS, "x": COLUMNS["x"] + 1000}
    found = trained(moved, incumbent=incumbent(COLUMNS)).drift
    assert found is not None
    assert (found.incumbent_version, found.problem) == (3, None)
    assert found.features["color"] == 0
    assert found.features["x"] > 1


def test_the_same_training_part_has_not_drifted() -> None:
    found = trained(COLUMNS, incumbent=incumbent(COLUMNS)).drift
    assert found is not None
    assert found.features == {"x": 0, "color": 0}


def test_only_features_of_the_same_type_are_compared() -> None:
    before = {**COLUMNS, "x": ["1", "2"] * 50, "z": COLUMNS["x"]}
    found = trained({**COLUMNS, "w": COLUMNS["x"]}, incumbent=incumbent(before)).drift
    assert found is not None
    assert set(found.features) == {"color"}


@pytest.mark.parametrize(
    ("before", "problem"),
    [
        (lambda: incumbent(None), "version 3: its manifest is not in the registry"),
        (lambda: incumbent(COLUMNS, profile={}), "version 3: its manifest does not say how"),
        (lambda: incumbent({"z": COLUMNS["x"], "y": COLUMNS["y"]}), "version 3: no feature of"),
    ],
)
def test_drift_that_cannot_be_measured_says_why(before: Any, problem: str) -> None:
    found = trained(COLUMNS, incumbent=before()).drift
    assert found is not None
    assert found.features == {}
    assert str(found.problem).startswith(problem)


def test_without_an_incumbent_there_is_no_drift_but_a_profile() -> None:
    candidate = trained(COLUMNS)
    assert candidate.drift is None
    assert set(candidate.profile) == {"x", "color"}
