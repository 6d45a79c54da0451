"""``perennial run`` with a gate and with approval by a person: what may not serve does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_run import LocalRun, resource

GATE = {"metrics": [{"name": "r2", "min": "0.99"}]}
MANUAL = {"approval": "Manual"}


def points(asked: str, **changes: Any) -> dict[str, Any]:
    model = resource(**changes)
    model["metadata"]["annotations"] = {"perennial.dev/train": asked}
    return model


@pytest.fixture
def running(tmp_path: Path) -> Iterator[LocalRun]:
    """A run whose first version serves, on data that became noise since."""
    run = LocalRun(tmp_path, points("0"))
    run.generate("--seed", "1")
    with run:
        run.prints("serving version 1 at")
        noise = "".join(f"{x},{x * 7919 % 101}\n" for x in range(1000))
        (run.data / "points.csv").write_text(f"x,y\n{noise}")
        yield run


def test_a_rejected_version_is_not_served_and_the_old_one_goes_on(running: LocalRun) -> None:
    running.edit(points("1", gate=GATE))
    running.prints("version 2 is rejected: the gate failed: r2 ")
    assert "is outside min 0.99; version 1 goes on serving" in running.output()
    assert running.version() == 1
    running.generate("--seed", "2")
    running.edit(points("2", gate=GATE))
    running.serves(3)
    assert "serving version 2" not in running.output()


def test_a_rejection_is_told_once_though_another_spec_came_between(running: LocalRun) -> None:
    other = points("1", gate=GATE)
    other["spec"]["training"]["estimator"] = {"class": "sklearn.linear_model.Ridge"}
    for number, model in ((2, points("1", gate=GATE)), (3, other), (4, points("1", gate=GATE))):
        running.edit(model)
        running.prints(f"version {number} is rejected: the gate failed: r2 ")
    assert running.output().count("version 2 is rejected") == 1


def test_a_version_under_review_waits_until_the_rules_let_it_through_or_reject_it(
    running: LocalRun,
) -> None:
    running.edit(points("1", gate=GATE | {"onFailure": "Review"}))
    running.prints("version 2 awaits approval: the gate failed: r2 ")
    running.edit(points("1", gate=GATE))
    running.prints("version 2 is rejected: the gate failed: r2 ")
    assert running.version() == 1
    running.edit(points("1"))
    running.serves(2)


def test_a_version_that_a_person_has_to_approve_is_not_served(running: LocalRun) -> None:
    running.edit(points("1", rollout=MANUAL))
    here = f"--local {running.directory / 'model.yaml'} --directory {running.state}"
    running.prints(
        "version 2 awaits approval, as spec.rollout.approval says; version 1 goes on serving; to"
        f" let version 2 serve: perennial approve points --version 2 {here}"
    )
    assert running.version() == 1
