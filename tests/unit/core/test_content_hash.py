"""The hash that says whether a run would train the same model."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from perennial_core.resource import TrainingSpec

DATA: dict[str, Any] = {"uri": "file:///data/points.csv", "target": "y", "features": ["x"]}
ESTIMATOR: dict[str, Any] = {"class": "sklearn.linear_model.Ridge", "params": {"alpha": 1.5}}
BASE: dict[str, Any] = {"data": DATA, "estimator": ESTIMATOR}


def content_hash(**changes: Any) -> str:
    return TrainingSpec.model_validate({**BASE, **changes}).content_hash()


def test_the_hash_stays_the_same_from_release_to_release() -> None:
    """A change here trains every model anew at the next upgrade."""
    assert content_hash() == "0d160229c03bef67"


def test_training_by_batches_is_another_training() -> None:
    hashes = {
        content_hash(),
        content_hash(streaming={}),
        content_hash(streaming={"batchRows": 50_000}),
        content_hash(streaming={"epochs": 2}),
    }
    assert len(hashes) == 4


def test_the_hash_is_the_same_in_every_process() -> None:
    code = (
        "from perennial_core.resource import TrainingSpec;"
        f"print(TrainingSpec.model_validate({BASE!r}).content_hash())"
    )
    for seed in ("1", "2"):
        printed = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert printed.stdout.strip() == content_hash()


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": "*/5 * * * *", "timeZone": "Europe/Berlin"},
        {"suspend": True},
        {"resources": {"limits": {"cpu": 2}}},
        {"timeoutSeconds": 60, "retries": 0},
        {"data": {**DATA, "skipUnchanged": False}},
        {"data": {**DATA, "checks": {"minRows": 2, "columns": [{"name": "x", "min": "0"}]}}},
        {"data": {**DATA, "holdout": {"fraction": "0.2"}}},  # its default
        {"estimator": dict(reversed(ESTIMATOR.items()))},
    ],
)
def test_what_does_not_change_the_model_does_not_change_the_hash(changes: dict[str, Any]) -> None:
    assert content_hash(**changes) == content_hash()


def test_whatever_changes_the_model_changes_the_hash() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"data": {**DATA, "uri": "file:///data/other.csv"}},
        {"data": {**DATA, "target": "z"}},
        {"data": {**DATA, "features": ["x", "w"]}},
        {"data": {**DATA, "features": None}},
        {"data": {**DATA, "format": "csv"}},
        {"data": {**DATA, "delimiter": ";"}},
        {"data": {**DATA, "volume": {"configMap": {"name": "feed"}}}},
        {"data": {**DATA, "holdout": {"fraction": "0.3"}}},
        {"data": {**DATA, "holdout": {"strategy": "Last"}}},
        {"data": {**DATA, "holdout": {"seed": 1}}},
        {"estimator": {**ESTIMATOR, "class": "sklearn.linear_model.Lasso"}},
        {"estimator": {**ESTIMATOR, "params": {"alpha": 1}}},
        {"estimator": {"steps": [{"name": "fit", **ESTIMATOR}]}},
        {"estimator": {"steps": [{"name": "other", **ESTIMATOR}]}},
    ]
    hashes = [content_hash(**change) for change in changes]
    assert len(set(hashes)) == len(changes)
