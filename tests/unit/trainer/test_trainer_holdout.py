"""The holdout: as many rows as asked for, drawn or taken from the end."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trainer_builders import dataset

from perennial_core.manifest import Task
from perennial_core.resource import Holdout, HoldoutStrategy
from perennial_trainer.data.holdout import Division, check_trainable, divide
from perennial_trainer.failure import DataError


def division(values: Any, task: Task = Task.REGRESSION, **holdout: Any) -> Division:
    columns = {"x": np.arange(len(values)), "y": values}
    return divide(dataset(columns, task=task), Holdout(**holdout), task)


@settings(deadline=None, max_examples=50)
@given(
    count=st.integers(10, 200),
    percent=st.integers(20, 80),
    strategy=st.sampled_from(HoldoutStrategy),
    task=st.sampled_from(Task),
)
def test_every_row_is_in_exactly_one_part(
    count: int, percent: int, strategy: HoldoutStrategy, task: Task
) -> None:
    fraction = f"0.{percent:02}"
    found = division(np.arange(count) % 2, task, fraction=fraction, strategy=strategy)
    held = int((count * Decimal(fraction)).to_integral_value(ROUND_CEILING))
    both = [*found.training.features["x"], *found.holdout.features["x"]]
    assert sorted(both) == list(range(count))
    assert (len(found.holdout), len(found.training)) == (held, count - held)


def test_last_takes_the_end_in_order() -> None:
    found = division(np.arange(10.0), strategy="Last")
    assert found.holdout.target.tolist() == [8, 9]
    assert found.training.target.tolist() == list(range(8))


def test_the_seed_decides_the_draw() -> None:
    draws = [division(np.arange(50.0), seed=seed).holdout.target.tolist() for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize("task", Task)
def test_rows_that_were_trained_on_are_not_measured_on_when_data_grows(task: Task) -> None:
    values = np.arange(1050) % 3
    before, after = division(values[:1000], task), division(values, task)
    trained, measured = set(before.training.features["x"]), set(after.holdout.features["x"])
    assert len(measured) == 210
    assert len(measured & trained) <= 10, "but for those where the share falls otherwise"


def test_a_classifiers_draw_keeps_the_shares_of_the_classes() -> None:
    found = division(np.repeat([0, 1], [80, 20]), Task.CLASSIFICATION)
    assert np.bincount(found.holdout.target).tolist() == [16, 4]


def test_a_class_of_one_row_does_not_forbid_the_draw() -> None:
    found = division(np.repeat([0, 1, 2], [50, 49, 1]), Task.CLASSIFICATION)
    assert len(found.holdout) == 20


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_too_few_rows_are_refused_with_their_number(rows: int) -> None:
    with pytest.raises(DataError, match=rf"^points\.csv: {rows} rows? (is|are) too few.*fraction"):
        division(np.arange(float(rows)))


def test_a_training_part_of_one_class_is_refused() -> None:
    rows = dataset({"x": range(10), "y": [0] * 8 + [1] * 2}, task=Task.CLASSIFICATION)
    found = divide(rows, Holdout(strategy=HoldoutStrategy.LAST), Task.CLASSIFICATION)
    with pytest.raises(DataError, match="of one class"):
        check_trainable(rows, found, Task.CLASSIFICATION)
