"""What is read from the cluster's objects."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from builders import NOW
from operator_models import MINIMAL, Body, merged, operator_settings, read_model, redis_settings

from perennial_core.identity import Digest, Version
from perennial_operator.build.deployment import (
    Release,
    build_deployment,
    build_settings_template,
    with_release,
)
from perennial_operator.build.metadata import content_hash
from perennial_operator.decide.rollout import Attempt, Pin, Progress, RolloutMemory
from perennial_operator.decide.swap import Swap
from perennial_operator.observe import (
    FinishedRun,
    is_degraded,
    is_running,
    is_waiting,
    last_finished_run,
    live_deployment,
    live_release,
    pod_hindrance,
    pod_problem,
    rollout_memory,
    with_remedy,
)

RELEASE = Release(Version(4), Digest("sha256:4"))
TEMPLATE = with_release(
    build_settings_template(read_model(), operator_settings(), redis_settings()), RELEASE
)


def deployment(wanted: int, pods: tuple[int, int, int] | None = None, **status: Any) -> Body:
    """Return a Deployment; of its pods so many are updated, there at all, and available."""
    model = read_model(merged(MINIMAL, serving={"replicas": wanted}))
    body = build_deployment(model, TEMPLATE)
    body["metadata"]["generation"] = 3
    names = ("updatedReplicas", "replicas", "availableReplicas")
    counts = dict(zip(names, pods or (), strict=False))
    return {**body, "status": {"observedGeneration": 3, **counts, **status}}


LATE = [{"type": "Progressing", "status": "False"}]
IN_TIME = [{"type": "Progressing", "status": "True"}]


@pytest.mark.parametrize(
    ("body", "progress", "uniform"),
    [
        (deployment(2, (2, 2, 2)), Progress.COMPLETE, True),
        (deployment(2, (2, 2, 2), conditions=LATE), Progress.COMPLETE, True),
        (deployment(2, (2, 2, 1), conditions=IN_TIME), Progress.PROGRESSING, True),
        (deployment(2, (2, 2, 1), conditions=LATE), Progress.FAILED, True),
        (deployment(2, (1, 3, 2), conditions=IN_TIME), Progress.PROGRESSING, False),
        (deployment(2, (1, 3, 2), conditions=LATE), Progress.FAILED, False),
        (deployment(2, (2, 3, 3)), Progress.PROGRESSING, False),
        (deployment(2, (1, 1, 1)), Progress.PROGRESSING, True),
        (deployment(2, (2, 2, 2), observedGeneration=2), Progress.UNOBSERVED, True),
        (
            deployment(2, (2, 2, 1), observedGeneration=2, conditions=LATE),
            Progress.UNOBSERVED,
            True,
        ),
        (deployment(0), Progress.SCALED_TO_ZERO, True),
        (deployment(0, observedGeneration=2), Progress.UNOBSERVED, True),
    ],
)
def test_the_progress_of_a_deployment(body: Body, progress: Progress, uniform: bool) -> None:
    live = live_deployment(body)

    assert live is not None
    assert (live.progress, live.uniform) == (progress, uniform)
    assert live.template_hash == content_hash(TEMPLATE)


def test_a_deployment_that_was_just_made_is_unobserved() -> None:
    body = deployment(2)
    del body["status"]
    live = live_deployment(body)

    assert live is not None
    assert (live.progress, live.ready) == (Progress.UNOBSERVED, 0)


def test_no_deployment_is_none() -> None:
    assert live_deployment(None) is None
    assert live_release(None) is None


def test_the_release_that_pods_are_told_is_read_back() -> None:
    assert live_release(deployment(2)) == RELEASE


def job(condition: str | None, ended: str = "2026-01-01T00:00:00Z", uid: str = "u") -> Body:
    conditions = [{"type": condition, "status": "True", "reason": "r", "lastTransitionTime": ended}]
    suffix = {"conditions": conditions if condition else []}
    return {"kind": "Job", "metadata": {"uid": uid}, "status": suffix}


@pytest.mark.parametrize(
    ("condition", "running"),
    [
        (None, True),
        ("FailureTarget", True),
        ("Suspended", True),
        ("Failed", False),
        ("Complete", False),
    ],
)
def test_a_job_runs_until_it_has_failed_or_is_complete(
    condition: str | None, running: bool
) -> None:
    assert is_running(job(condition)) is running


def test_the_run_that_ended_last_is_found() -> None:
    early = job("Complete", "2026-01-01T00:00:00Z", "early")
    late = job("Failed", "2026-01-02T00:00:00Z", "late")

    found = last_finished_run([late, job(None), early])

    assert found == FinishedRun("late", False, "r", "", "2026-01-02T00:00:00Z")
    assert last_finished_run([job(None)]) is None


def pod(state: Body, *, last: Body | None = None, ready: bool = False, **metadata: Any) -> Body:
    container = {"name": "predictor", "ready": ready, "state": state, "lastState": last or {}}
    return {"metadata": metadata, "status": {"containerStatuses": [container]}}


RUNNING: Body = {"running": {}}
STARTING = {"waiting": {"reason": "ContainerCreating"}}
NO_IMAGE = {"waiting": {"reason": "ImagePullBackOff", "message": "no image"}}
NO_WORD = {"waiting": {"reason": "ErrImagePull"}}
CRASHED = {"terminated": {"exitCode": 78, "reason": "Error", "message": "no such column: x\n"}}
KILLED = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
SEE_LOGS = "container predictor is not ready; see its logs"
UNPLACED = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        ([], None),
        ([pod(RUNNING, ready=True)], None),
        ([pod(NO_IMAGE)], "ImagePullBackOff: no image"),
        ([pod(NO_WORD)], "ErrImagePull"),
        ([pod(CRASHED)], "no such column: x"),
        ([pod(BACK_OFF, last=CRASHED)], "no such column: x"),
        ([pod(KILLED)], "OOMKilled: exit code 137"),
        ([pod(RUNNING)], SEE_LOGS),
        ([pod(STARTING)], SEE_LOGS),
        ([{"metadata": {}, "status": {"conditions": [UNPLACED]}}], "0/1 nodes are available"),
        ([pod(RUNNING, ready=True), pod(CRASHED)], "no such column: x"),
        ([pod(CRASHED, deletionTimestamp="2026-01-01T00:00:00Z")], None),
    ],
)
def test_what_pods_say_of_a_problem(found: list[Body], problem: str | None) -> None:
    assert pod_problem(found) == problem


PIN = {"pinnedVersion": 3, "pinnedGeneration": 5}
OTHER_PIN = {"pinnedVersion": 2, "pinnedGeneration": 5}
PROVEN = {"template": TEMPLATE, "version": 4, "digest": "sha256:4"}
PINNED = merged(MINIMAL, rollout={"pinnedVersion": 3})


@pytest.mark.parametrize(
    ("spec", "stored", "memory"),
    [
        (MINIMAL, {}, RolloutMemory()),
        (MINIMAL, PROVEN, RolloutMemory(Attempt(TEMPLATE, RELEASE))),
        (
            MINIMAL,
            {**PROVEN, "failedSettings": "h", "failure": "why"},
            RolloutMemory(Attempt(TEMPLATE, RELEASE), "h", "why"),
        ),
        (
            MINIMAL,
            {"swapping": {"version": 4, "digest": "sha256:4", "since": "2026-01-01T00:00:00Z"}},
            RolloutMemory(swap=Swap(RELEASE, NOW)),
        ),
        (PINNED, {}, RolloutMemory(pin=Pin(Version(3), 9))),
        (PINNED, PIN, RolloutMemory(pin=Pin(Version(3), 5))),
        (PINNED, OTHER_PIN, RolloutMemory(pin=Pin(Version(3), 9))),
        (MINIMAL, OTHER_PIN, RolloutMemory()),
    ],
)
def test_what_the_status_remembers_of_rollouts(
    spec: Body, stored: Body, memory: RolloutMemory
) -> None:
    assert rollout_memory(read_model(spec, status={"rollout": stored}, generation=9)) == memory


@pytest.mark.parametrize(("status", "expected"), [("True", True), ("False", False)])
def test_the_status_says_whether_the_model_is_degraded(status: str, expected: bool) -> None:
    conditions = [{"type": "Ready", "status": "True"}, {"type": "Degraded", "status": status}]

    assert is_degraded(read_model(status={"conditions": conditions})) is expected
    assert not is_degraded(read_model())


@pytest.mark.parametrize(
    ("status", "waits"),
    [
        ({}, False),
        ({"startTime": "2026-01-01T00:00:00Z"}, True),
        ({"startTime": "2026-01-01T00:00:00Z", "ready": 1}, False),
        ({"startTime": "2026-01-01T00:00:55Z"}, False),
        (
            {
                "startTime": "2026-01-01T00:00:00Z",
                "conditions": [{"type": "Failed", "status": "True"}],
            },
            False,
        ),
    ],
)
def test_a_job_waits_when_its_pod_should_have_started(status: Body, waits: bool) -> None:
    now = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    assert is_waiting({"metadata": {"uid": "u"}, "status": status}, now) is waits


def pod_with(**status: Any) -> Body:
    return {"metadata": {}, "status": status}


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({}, None),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "no node"}]},
            "no node",
        ),
        (
            {
                "containerStatuses": [
                    {"state": {"waiting": {"reason": "ErrImagePull", "message": "not there"}}}
                ]
            },
            "ErrImagePull: not there",
        ),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, None),
        ({"containerStatuses": [{"name": "trainer", "state": {"running": {}}}]}, None),
    ],
)
def test_what_hinders_a_pod_from_starting(status: Body, why: str | None) -> None:
    assert pod_hindrance([pod_with(), pod_with(**status)]) == why


def test_the_want_of_memory_names_the_field() -> None:
    field = "spec.training.resources.limits.memory"
    assert with_remedy("OOMKilled: exit code 137", field) == (
        f"OOMKilled: exit code 137; raise {field}"
    )
    assert with_remedy("Error: no file", field) == "Error: no file"


@pytest.mark.parametrize("template", [{}, {"spec": {}}, {"spec": {"containers": []}}])
def test_a_template_that_somebody_emptied_is_not_remembered(template: Body) -> None:
    stored = {"template": template, "version": 3, "digest": "sha256:3"}
    assert rollout_memory(read_model(status={"rollout": stored})).proven is None
