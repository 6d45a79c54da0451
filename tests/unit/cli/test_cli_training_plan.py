"""Which run is next, and which failure is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from builders import NOW

from perennial_cli.local.resource_file import LocalModel
from perennial_cli.local.training_plan import (
    Cause,
    NextRun,
    PastRuns,
    how_to_train_again,
    next_run,
    wait_before_retry,
)
from perennial_core.resource import PredictionModel

MINUTELY = "*/1 * * * *"


def model(asked: str | None = None, **training: Any) -> LocalModel:
    annotations = {} if asked is None else {"perennial.dev/train": asked}
    spec = {
        "data": {"uri": "sample://linear", "target": "y"},
        "estimator": {"class": "sklearn.linear_model.Ridge"},
    }
    resource = PredictionModel.parse(
        {
            "apiVersion": "perennial.dev/v1alpha1",
            "kind": "PredictionModel",
            "metadata": {"name": "points", "annotations": annotations},
            "spec": {"training": spec | training},
        }
    )
    assert resource.spec.training is not None
    return LocalModel(resource, resource.spec.training, generation=1)


HASH = model().training.content_hash()


def past(spec_hash: str | None = HASH, asked: str | None = None, until: datetime = NOW) -> PastRuns:
    return PastRuns(spec_hash=spec_hash, asked=asked, until=until)


@pytest.mark.parametrize(
    ("resource", "past_runs", "expected"),
    [
        (model(), past(spec_hash=None), NextRun(NOW, Cause.FIRST)),
        (model(schedule=MINUTELY), past(spec_hash=None), NextRun(NOW, Cause.FIRST)),
        (model(), past(spec_hash="other"), NextRun(NOW, Cause.SPEC)),
        (model(), past(), None),
        (model(asked="1"), past(), NextRun(NOW, Cause.ASKED)),
        (model(asked="2"), past(asked="1"), NextRun(NOW, Cause.ASKED)),
        (model(asked="1"), past(asked="1"), None),
        (model(), past(asked="1"), None),
        (
            model(schedule=MINUTELY),
            past(),
            NextRun(NOW + timedelta(minutes=1), Cause.SCHEDULE),
        ),
        # A time of the schedule that came during the last run, or while the machine slept, is due.
        (
            model(schedule=MINUTELY),
            past(until=NOW - timedelta(minutes=10)),
            NextRun(NOW - timedelta(minutes=9), Cause.SCHEDULE),
        ),
        (model(suspend=True), past(spec_hash=None), None),
        (model(suspend=True, schedule=MINUTELY), past(spec_hash="other"), None),
        (model(suspend=True, asked="1"), past(), NextRun(NOW, Cause.ASKED)),
    ],
)
def test_the_next_run(resource: LocalModel, past_runs: PastRuns, expected: NextRun | None) -> None:
    assert next_run(resource, past_runs, NOW) == expected


def test_what_does_not_change_the_model_starts_no_run() -> None:
    changed = model(timeoutSeconds=5, retries=0, resources={"limits": {"cpu": 1}})
    assert next_run(changed, past(), NOW) is None


@pytest.mark.parametrize(
    ("exit_code", "tries", "retries", "expected"),
    [
        (0, 1, 2, None),
        (65, 1, 2, None),
        (78, 1, 2, None),
        (75, 1, 2, 2.0),
        (75, 2, 2, 4.0),
        (75, 3, 2, None),
        (1, 1, 0, None),
        (1, 1, 1, 2.0),
        (-9, 1, 1, 2.0),
        (75, 10, 10, 60.0),
    ],
)
def test_only_what_may_pass_is_tried_again(
    exit_code: int, tries: int, retries: int, expected: float | None
) -> None:
    assert wait_before_retry(exit_code, tries, retries) == expected


ANNOTATION = "metadata.annotations perennial.dev/train"


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (
            model(),
            f"; repair it, then set another value of {ANNOTATION}, or give spec.training.schedule",
        ),
        (model(schedule=MINUTELY), ""),
        (model(suspend=True), f"; repair it, then set another value of {ANNOTATION}"),
        (
            model(suspend=True, schedule=MINUTELY),
            f"; repair it, then set another value of {ANNOTATION}",
        ),
    ],
)
def test_a_failure_says_how_to_train_again_where_nothing_does_by_itself(
    resource: LocalModel, expected: str
) -> None:
    assert how_to_train_again(resource.training) == expected
