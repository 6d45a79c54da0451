"""``perennial run`` on points: trained, served, retrained, with everything real.

The tests share one run, and each leaves the newest version serving.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from local_run import LocalRun, resource

from perennial_cli.demo.load_client import LoadClient


def points(asked: str = "0", **estimator: Any) -> dict[str, Any]:
    """Return the model; another value of ``asked`` asks for a run."""
    model = resource()
    model["metadata"]["annotations"] = {"perennial.dev/train": asked}
    model["spec"]["training"]["estimator"] |= estimator
    return model


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    run = LocalRun(tmp_path_factory.mktemp("run"), points())
    run.generate("--seed", "1")
    with run:
        run.prints("serving version 1 at")
        yield run


def near_the_line(prediction: float) -> bool:
    return abs(prediction - 203.0) < 2.0


def test_new_data_is_served_without_a_failed_request(running: LocalRun) -> None:
    before = running.version()
    assert before is not None
    with LoadClient(running.port, 4, 100.0, near_the_line) as client:
        running.generate("--append", "--seed", str(before + 1))
        running.edit(points(asked=f"after version {before}"))
        running.serves(before + 1)
        running.prints(f"serving version {before + 1} at")
    assert f", version {before} has " in running.output()
    assert client.failures == []
    assert client.answers[before] > 0
    assert client.answers[before + 1] > 0


def test_unchanged_data_makes_no_version(running: LocalRun) -> None:
    version = running.version()
    running.edit(points(asked=f"nothing new since {version}"))
    running.prints("training skipped: neither data nor training spec changed")
    assert running.version() == version


def test_bad_data_leaves_the_old_version_serving_and_says_why(running: LocalRun) -> None:
    version = running.version()
    good = (running.data / "points.csv").read_text()
    (running.data / "points.csv").write_text("x,z\n1,2\n")
    running.edit(points(asked=f"bad after {version}"))
    running.prints("training failed: ")
    (running.data / "points.csv").write_text(good)
    said = running.output().rpartition("training failed: ")[2]
    file = running.data / "points.csv"
    assert said.startswith(f"file:///data/points.csv (here {file}): there is no column 'y'")
    again = "; repair it, then: perennial train points --local "
    assert again in said
    assert "again in" not in said, "what only the user can repair is not tried again"
    assert running.version() == version


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "model.yaml: line 1"),
        ("kind: Pod", "holds no PredictionModel"),
        (str(resource(serving={"port": "many"})), "spec.serving.port"),
        (str(resource()).replace("'points', 'namespace'", "'p2', 'namespace'"), "tests/p2 now"),
        (str(resource()).replace("'target': 'y'", "'target': y"), "a plain y is a boolean"),
    ],
)
def test_an_edit_into_nonsense_is_reported_and_changes_nothing(
    running: LocalRun, text: str, says: str
) -> None:
    version = running.version()
    running.edit(text)
    running.prints(says)
    assert running.version() == version


def test_a_changed_training_spec_starts_a_run_at_once(running: LocalRun) -> None:
    version = running.version()
    assert version is not None
    running.edit(points(params={"fit_intercept": False}))
    running.prints("training: its spec changed")
    running.prints(f"serving version {version + 1} at")
    assert abs(running.prediction() - 203.0) > 0.5, "a line through the origin predicts otherwise"


def test_versions_outlive_a_restart_and_need_no_new_run(running: LocalRun) -> None:
    version = running.version()
    assert version is not None
    before = running.output()
    assert running.end() == 0
    with running:
        running.serves(version)
        running.prints("serving version", times=before.count("serving version") + 1)
    assert running.output().count("training: ") == before.count("training: ")


def test_nothing_but_events_was_printed(running: LocalRun) -> None:
    assert "Traceback" not in running.output()
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in running.output().splitlines())
