"""Which run is next, and which failure is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from builders import NOW, spec_hash, trained
from serving import APPROVAL

from perennial_cli.local.resource_file import LocalModel
from perennial_cli.local.training_plan import (
    Cause,
    NextRun,
    PastRuns,
    how_to_run_again,
    next_run,
    wait_before_retry,
)
from perennial_core.identity import Version
from perennial_core.promotion import Offered, Withheld
from perennial_core.resource import PredictionModel

MINUTELY = "*/1 * * * *"


def model(asked: str | None = None, **training: Any) -> LocalModel:
    annotations = {} if asked is None else {"perennial.dev/train": asked}
    spec = {
        "data": {"uri": "sample://linear", "target": "y"},
        "estimator": {"class": "sklearn.linear_model.Ridge"},
    }
    return LocalModel(resource_with({"training": spec | training}, annotations), generation=1)


def resource_with(spec: dict[str, Any], annotations: dict[str, str]) -> PredictionModel:
    return PredictionModel.parse(
        {
            "apiVersion": "perennial.dev/v1alpha1",
            "kind": "PredictionModel",
            "metadata": {"name": "points", "annotations": annotations},
            "spec": spec,
        }
    )


HASH = spec_hash(model().model)


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


COMMAND = "perennial train points --local points.yaml"


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (
            model(),
            f"; repair it, then: {COMMAND}; or give spec.training.schedule",
        ),
        (model(schedule=MINUTELY), ""),
        (model(suspend=True), f"; repair it, then: {COMMAND}"),
        (
            model(suspend=True, schedule=MINUTELY),
            f"; repair it, then: {COMMAND}",
        ),
    ],
)
def test_a_failure_says_how_to_train_again_where_nothing_does_by_itself(
    resource: LocalModel, expected: str
) -> None:
    assert how_to_run_again(trained(resource.model), "spec.training", COMMAND) == expected


def promoted(asked: str | None = None, **source: Any) -> LocalModel:
    annotations = {} if asked is None else {"perennial.dev/train": asked}
    origin = {"namespace": "staging", "name": "points", **source}
    return LocalModel(resource_with({"promotion": {"from": origin}}, annotations), generation=1)


def took(version: int, resource: LocalModel) -> PastRuns:
    return PastRuns(spec_hash(resource.model), None, NOW, Version(version))


V2, NOTHING = Offered(Version(2), APPROVAL), Withheld("nothing yet", refused=False)


@pytest.mark.parametrize(
    ("resource", "past_runs", "source", "expected"),
    [
        (promoted(), past(spec_hash=None), V2, NextRun(NOW, Cause.FIRST)),
        (promoted(), took(1, promoted()), V2, NextRun(NOW, Cause.SOURCE)),
        (promoted(), took(2, promoted()), V2, None),
        (promoted(), past(spec_hash=None), NOTHING, None),
        (promoted(schedule=MINUTELY), took(1, promoted()), NOTHING, None),
        (promoted("1"), past(spec_hash=None), NOTHING, NextRun(NOW, Cause.ASKED)),
        (promoted(suspend=True), took(1, promoted()), V2, None),
        (promoted(registrySecret="far"), past(spec_hash=None), None, NextRun(NOW, Cause.FIRST)),
    ],
)
def test_a_version_is_taken_over_when_the_source_offers_another(
    resource: LocalModel,
    past_runs: PastRuns,
    source: Offered | Withheld | None,
    expected: NextRun | None,
) -> None:
    assert next_run(resource, past_runs, NOW, source) == expected


def test_a_model_whose_versions_are_brought_runs_nothing() -> None:
    brought = LocalModel(resource_with({"promotion": {}}, {}), generation=1)
    assert next_run(brought, past(spec_hash=None), NOW) is None
