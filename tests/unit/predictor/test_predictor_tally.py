"""What a version has predicted, as /metrics tells it."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from served_models import iris, line

from perennial_core.manifest import Signature, Task
from perennial_predictor.exposition import text_of
from perennial_predictor.metrics import Metrics
from perennial_predictor.problems import Problem
from perennial_predictor.served import ServedVersion
from perennial_predictor.tally import LabelTally, Tally, ValueTally

SUMS = (
    "perennial_predictions_total",
    "perennial_prediction_sum",
    "perennial_prediction_squares_sum",
)


async def ask(served: ServedVersion, *instances: Any) -> None:
    await served.answer_body(json.dumps({"instances": list(instances)}).encode())


def samples(metrics: Metrics) -> dict[str, float]:
    """Return what is exposed of predictions, by name or by label."""
    families = text_string_to_metric_families(text_of(metrics)().decode())
    return {
        sample.labels.get("label", sample.name): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("perennial_predict")
    }


def sums(tally: Tally) -> list[float]:
    return [sample.value for family in tally.families() for sample in family.samples]


def labels(tally: Tally) -> dict[str, float]:
    (family,) = tally.families()
    return {sample.labels["label"]: sample.value for sample in family.samples}


def classifier(classes: Sequence[Any]) -> Signature:
    described = iris().serialized.signature
    assert described.task is Task.CLASSIFICATION
    return described.changed(classes=list(classes))


async def test_mean_and_variance_of_what_was_answered_can_be_told() -> None:
    served, metrics = line(2.0).served(), Metrics()
    metrics.serves(served, swapped=False)
    assert samples(metrics) == dict.fromkeys(SUMS, 0.0)  # the warm-up was no answer
    await ask(served, [1], [2], [3])
    await served.answer_query(b"x=-5")
    values = np.array([5.0, 7.0, 9.0, -7.0])
    expected = dict(zip(SUMS, (4, values.sum(), (values**2).sum()), strict=True))
    assert samples(metrics) == pytest.approx(expected)


async def test_a_classifier_counts_its_labels() -> None:
    model, metrics = iris(), Metrics()
    served = model.served()
    metrics.serves(served, swapped=False)
    assert samples(metrics) == {"setosa": 0, "versicolor": 0, "virginica": 0}
    instances = model.instances()
    await ask(served, *instances[:10], instances[-1])
    await ask(served, instances[0])
    assert samples(metrics) == {"setosa": 11, "versicolor": 0, "virginica": 1}


async def test_another_version_begins_anew_and_says_nothing_of_the_one_before() -> None:
    old, new, metrics = line(1.0).served(), iris().served(version=2), Metrics()
    metrics.serves(old, swapped=False)
    await ask(old, [1])
    metrics.serves(new, swapped=True)
    await ask(old, [1])  # a request that met the old version ends after the swap
    assert samples(metrics) == {"setosa": 0, "versicolor": 0, "virginica": 0}


async def test_what_is_not_answered_is_not_counted() -> None:
    served = line(2.0).served()
    for instance in (["a"], [1.7e308]):  # no number, and a prediction that is none
        with pytest.raises(Problem):
            await ask(served, [1], instance)
    assert sums(served.tally) == [0, 0, 0]


@pytest.mark.parametrize("values", [[1e200], [1.0, -1e200], [float("nan"), 2.0], [float("inf")]])
def test_what_would_spoil_the_sums_is_left_out(values: list[float]) -> None:
    tally = ValueTally()
    tally.count(np.array(values))
    kept = [value for value in values if abs(value) < 1e10]
    assert sums(tally) == [len(kept), sum(kept), sum(value**2 for value in kept)]


@pytest.mark.parametrize(
    ("classes", "values", "expected"),
    [
        ([False, True], np.array([True]), {"false": 0, "true": 1}),
        ([0, 1], np.array([1, 1, 0]), {"0": 1, "1": 2}),
        ([0.5, 1.5], np.array([0.5]), {"0.5": 1, "1.5": 0}),
        (['"quoted"\n'], np.array(['"quoted"\n'], dtype=object), {'"quoted"\n': 1}),
    ],
)
def test_labels_are_written_as_in_the_answers(
    classes: list[Any], values: Any, expected: dict[str, float]
) -> None:
    tally = LabelTally(classifier(classes))
    tally.count(values)
    assert labels(tally) == expected


@pytest.mark.parametrize(
    ("tally", "values"),
    [
        (ValueTally(), np.array([2.0])),
        (LabelTally(classifier(["a"])), np.array(["a"], dtype=object)),
    ],
)
def test_nothing_is_lost_between_threads(tally: Tally, values: Any) -> None:
    def count() -> None:
        for _ in range(5_000):
            tally.count(values)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums(tally)[0] == 20_000
