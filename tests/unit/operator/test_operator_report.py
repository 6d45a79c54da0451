"""Conditions, status and events."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW, manifest_body
from operator_models import MINIMAL, Body, read_model

from perennial_core.approval import Judgement
from perennial_core.decisions import Choice, Ruling, State
from perennial_core.gate import Verdict
from perennial_core.identity import Digest, ModelKey, Version
from perennial_core.promotion import Withheld
from perennial_core.registry import Answer, Decision, Failure, RunOutcome, Snapshot
from perennial_core.resource.rollout import Strategy
from perennial_core.resource.status import PredictionModelStatus
from perennial_operator.build.deployment import Release
from perennial_operator.decide.rollout import (
    Attempt,
    LiveDeployment,
    Phase,
    Pin,
    Progress,
    RolloutMemory,
    RolloutPlan,
)
from perennial_operator.decide.swap import Swap
from perennial_operator.decide.training import LastRun, Source, TrainingMemory
from perennial_operator.decide.trial_record import Trial, TrialState
from perennial_operator.observe import rollout_memory
from perennial_operator.report.conditions import Condition, conditions
from perennial_operator.report.events import ModelEvent, events
from perennial_operator.report.status import build_status, refused_status
from perennial_operator.report.versions import told_of_trial
from perennial_operator.state import ModelState, Problem, RegistryState, Trouble

THEN, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def release_of(version: int) -> Release:
    return Release(Version(version), Digest(f"sha256:{str(version) * 64:.64}"))


V3, V4 = release_of(3), release_of(4)
TEMPLATE: Body = {"metadata": {}, "spec": {}}
PROVEN = Attempt(TEMPLATE, V3)
MEMORY = RolloutMemory(PROVEN)
LIVE = LiveDeployment("h", Progress.COMPLETE, uniform=True, replicas=2, ready=2)
PUBLISHED = LastRun("r1", RunOutcome.PUBLISHED, "published version 3", THEN)
FAILED = LastRun("r2", RunOutcome.FAILED, "points.csv: no column y", THEN)
DECISION = Decision(verdict=Answer.APPROVED, by="the gate", reason="it passed", at=NOW)
FAILURE = Failure(reason="r", message="version 4 failed to roll out: no memory", at=NOW)


WITHHELD = Source(Withheld("staging/points serves no version yet", refused=False))
NOT_HELD = "spec.rollout.pinnedVersion: 9"


def registry(
    *versions: int, target: Release | None = V3, failed: bool = False, problem: str | None = None
) -> RegistryState:
    latest = max(versions, default=None)
    body = manifest_body(ModelKey("shop", "points"), b"artifact")
    snapshot = Snapshot(
        latest=Version(latest) if latest else None,
        versions=tuple(Version(version) for version in versions),
        serving=None,
        decisions={Version(version): DECISION for version in versions},
        failures={V4.version: FAILURE} if failed else {},
        last_run=None,
    )
    choice = Choice(target.version if target else None, problem)
    manifests = {}
    for release in map(release_of, versions):
        there = target if target and target.version == release.version else release
        named = body.changed(digest=there.digest)
        manifests[there.version] = named.numbered(there.version)
    judgement = Judgement(manifests, {}, snapshot.decisions)
    manifest = manifests.get(Version(latest)) if latest else None
    return RegistryState(snapshot, judgement, choice, manifest, target)


SERVING = ModelState(
    training=TrainingMemory("hash", "1"),
    last_run=PUBLISHED,
    running=False,
    registry=registry(3),
    live=LIVE,
    plan=RolloutPlan(Phase.ROLLED_OUT, MEMORY, PROVEN),
)
NEW = replace(
    SERVING,
    last_run=None,
    registry=registry(target=None),
    live=None,
    plan=RolloutPlan(Phase.NOTHING_TO_SERVE, RolloutMemory()),
)
ROLLING = replace(
    SERVING,
    plan=RolloutPlan(Phase.ROLLING_OUT, MEMORY, Attempt(TEMPLATE, V4)),
    live=replace(LIVE, progress=Progress.PROGRESSING, uniform=False),
)
SETTINGS_FAILED = replace(
    SERVING,
    plan=RolloutPlan(Phase.ROLLED_OUT, RolloutMemory(PROVEN, "h", "spec.serving: no"), PROVEN),
)


TRIED = Trial(V4, Strategy.CANARY, 1, 2, TrialState.RUNNING, THEN, "step 1 of 2, 1 of 5 pods")
SECOND = replace(TRIED, step=2, message="step 2 of 2, 4 of 8 pods", evidence="0% of 99 requests")
WAITS = replace(SECOND, state=TrialState.WAITING, message="too few requests: 3 of 50")
PASSED = replace(SECOND, state=TrialState.PASSED, message="it is rolled out")
GIVEN_UP = replace(SECOND, state=TrialState.FAILED, message="version 4 failed its trial: 9%")
STOPPED = replace(SECOND, state=TrialState.ENDED, message="version 3 is pinned")
SHADOWED = replace(TRIED, strategy=Strategy.SHADOW, message="it gets copies")


def trying(trial: Trial | None) -> ModelState:
    return replace(SERVING, plan=replace(SERVING.plan, memory=replace(MEMORY, trial=trial)))


def phase(name: Phase) -> ModelState:
    return replace(SERVING, plan=replace(SERVING.plan, phase=name))


STUCK = replace(
    phase(Phase.STUCK), problems=(Problem(Trouble.ROLLOUT_FAILED, "not all pods: no image"),)
)


def found(state: ModelState, kind: str) -> Condition:
    (condition,) = [item for item in conditions(state) if item.type == kind]
    return condition


@pytest.mark.parametrize(
    ("state", "status", "reason", "words"),
    [
        (SERVING, "True", "Serving", "version 3 answers from 2 of 2 pods"),
        (replace(SERVING, live=replace(LIVE, ready=1)), "True", "Serving", "1 of 2"),
        (replace(SERVING, live=replace(LIVE, ready=0)), "False", "NoReadyPods", "version 3"),
        (replace(SERVING, registry=None), "True", "Serving", "version 3"),
        (trying(TRIED), "True", "Serving", "version 3 answers from 2 of 2 pods"),
        (SETTINGS_FAILED, "True", "Serving", "version 3"),
        (ROLLING, "False", "RollingOut", "version 4"),
        (NEW, "False", "NoVersion", "no version is published yet"),
        (replace(NEW, registry=None), "False", "NoVersion", "registry does not answer"),
        (replace(NEW, last_run=FAILED), "False", "NoVersion", "points.csv: no column y"),
        (
            replace(NEW, registry=registry(3, target=None, problem=NOT_HELD)),
            "False",
            "NoVersion",
            NOT_HELD,
        ),
        (replace(NEW, source=WITHHELD), "False", "NoVersion", "staging/points serves no version"),
        (
            replace(NEW, last_run=replace(FAILED, outcome=RunOutcome.SKIPPED)),
            *("False", "NoVersion", "yet: points.csv"),
        ),
        (phase(Phase.SCALED_TO_ZERO), "False", "ScaledToZero", "spec.serving.replicas"),
        (phase(Phase.STUCK), "False", "RolloutFailed", "in time"),
    ],
)
def test_ready(state: ModelState, status: str, reason: str, words: str) -> None:
    condition = found(state, "Ready")

    assert (condition.status, condition.reason) == (status, reason)
    assert words in condition.message


@pytest.mark.parametrize(
    ("state", "status", "reason", "words"),
    [
        (SERVING, "True", "Published", "published version 3"),
        (replace(SERVING, last_run=FAILED), "False", "RunFailed", "no column y"),
        (replace(SERVING, last_run=None), "False", "NoRun", "no run"),
        (replace(SERVING, last_run=None, running=True), "False", "Running", "under way"),
        (
            replace(SERVING, last_run=replace(PUBLISHED, outcome=RunOutcome.SKIPPED)),
            "True",
            "Skipped",
            "",
        ),
        (replace(NEW, source=WITHHELD), "False", "WaitsForSource", "serves no version yet"),
        (replace(SERVING, source=WITHHELD), "True", "Published", "published version 3"),
        (replace(SERVING, note="set a schedule"), "True", "Published", "3; set a schedule"),
        (replace(SERVING, last_run=FAILED, note="x"), "False", "RunFailed", "no column y"),
    ],
)
def test_trained(state: ModelState, status: str, reason: str, words: str) -> None:
    condition = found(state, "Trained")

    assert (condition.status, condition.reason) == (status, reason)
    assert words in condition.message


@pytest.mark.parametrize(
    ("state", "status", "reason"),
    [
        (SERVING, "True", "RolledOut"),
        (SETTINGS_FAILED, "False", "SettingsFailed"),
        (ROLLING, "False", "RollingOut"),
        (NEW, "False", "NothingToServe"),
        (phase(Phase.SCALED_TO_ZERO), "False", "ScaledToZero"),
        (phase(Phase.STUCK), "False", "Stuck"),
        (trying(TRIED), "False", "Canary"),
        (trying(WAITS), "False", "Canary"),
        (trying(SHADOWED), "False", "Shadow"),
        (trying(PASSED), "False", "RollingOut"),
        (trying(replace(PASSED, release=V3)), "True", "RolledOut"),
        (trying(GIVEN_UP), "True", "RolledOut"),
    ],
)
def test_rolled_out(state: ModelState, status: str, reason: str) -> None:
    condition = found(state, "RolledOut")

    assert (condition.status, condition.reason) == (status, reason)


REFUSED = Problem(Trouble.API_REFUSED, "the API server refuses: schedule")


@pytest.mark.parametrize(
    ("state", "status", "reason", "words"),
    [
        (SERVING, "False", "AsExpected", "nothing is wrong"),
        (replace(SERVING, problems=(REFUSED, REFUSED)), "True", "ApiRefused", "refuses: schedule"),
        (replace(SERVING, last_run=FAILED), "True", "RunFailed", "no column y"),
        (
            replace(SERVING, registry=registry(3, 4, failed=True)),
            "True",
            "RolloutFailed",
            "version 4 failed",
        ),
        (
            replace(SERVING, registry=registry(3, problem=NOT_HELD)),
            "True",
            "PinNotHeld",
            "pinnedVersion",
        ),
        (SETTINGS_FAILED, "True", "RolloutFailed", "spec.serving"),
        (STUCK, "True", "RolloutFailed", "no image"),
        (replace(SERVING, registry=registry(target=None)), "True", "VersionLost", "version 3"),
    ],
)
def test_degraded(state: ModelState, status: str, reason: str, words: str) -> None:
    condition = found(state, "Degraded")

    assert (condition.status, condition.reason) == (status, reason)
    assert condition.message.count(words) == 1


def test_a_version_that_failed_once_and_serves_now_is_not_a_problem() -> None:
    serving = replace(
        SERVING,
        registry=registry(3, 4, target=V4, failed=True),
        plan=RolloutPlan(
            Phase.ROLLED_OUT, RolloutMemory(Attempt(TEMPLATE, V4)), Attempt(TEMPLATE, V4)
        ),
    )

    assert found(serving, "Degraded").status == "False"


def test_a_registry_that_counts_anew_has_lost_the_version_of_the_same_number() -> None:
    other = replace(V3, digest=Digest("sha256:" + "f" * 64))
    state = replace(ROLLING, registry=registry(3, target=other))

    assert found(state, "Degraded").reason == "VersionLost"


def every_state() -> list[ModelState]:
    """Return all combinations of what a reconcile may find out."""
    memories = [
        RolloutMemory(),
        MEMORY,
        RolloutMemory(PROVEN, "h", "why", Pin(Version(3), 2), Swap(V4, NOW), TRIED),
    ]
    plans = [
        RolloutPlan(phase, memory, None if phase is Phase.NOTHING_TO_SERVE else PROVEN)
        for phase, memory in itertools.product(Phase, memories)
    ]
    return [
        ModelState(training, run, running, state, live, plan, problems, requested_run=run)
        for training, run, running, state, live, plan, problems in itertools.product(
            [TrainingMemory(), TrainingMemory("hash", "asked", requested_run="r9")],
            [None, PUBLISHED, FAILED],
            [True, False],
            [None, registry(target=None), registry(3), registry(3, 4, failed=True, problem="p")],
            [None, LIVE],
            plans,
            [(), (REFUSED,)],
        )
    ]


def test_the_run_that_was_asked_for_is_told_beside_the_one_that_ended_last() -> None:
    asked = replace(SERVING, training=TrainingMemory("hash", "1", requested_run="r9"))
    waiting = build_status(read_model(), asked, THEN)["training"]
    assert (waiting["lastRun"], waiting["requestedRun"]) == ("r1", {"runId": "r9"})
    own = LastRun("r9", RunOutcome.SKIPPED, "nothing new", THEN)
    ended = build_status(read_model(), replace(asked, requested_run=own), THEN)["training"]
    assert ended["outcome"] == "Published"
    assert ended["requestedRun"] == {
        **{"runId": "r9", "outcome": "Skipped", "message": "nothing new", "ended": THEN}
    }


def test_the_resource_s_schema_takes_every_status() -> None:
    model = read_model()
    for state in every_state():
        status = build_status(model, state, THEN)

        assert PredictionModelStatus.model_validate(status).to_json() == status


def test_the_resource_s_schema_takes_the_status_of_a_refused_model() -> None:
    problem = Problem(Trouble.INVALID_SPEC, "spec.training: missing")
    for before in ({}, build_status(read_model(), SERVING, THEN)):
        status = refused_status(before, 5, problem, LATER)

        PredictionModelStatus.model_validate(status)
        assert status["observedGeneration"] == 5
        assert status.get("serving") == before.get("serving")


def test_every_condition_is_there_from_the_first_reconcile_on() -> None:
    status = build_status(read_model(), NEW, THEN)

    assert [item["type"] for item in status["conditions"]] == [
        "Ready", "Trained", "Gated", "RolledOut", "Degraded"
    ]  # fmt: skip


def test_a_status_that_is_built_again_is_the_same() -> None:
    first = build_status(read_model(generation=2), SERVING, THEN)

    assert build_status(read_model(status=first, generation=2), SERVING, LATER) == first


def test_the_time_of_a_condition_is_when_its_status_changed() -> None:
    first = build_status(read_model(), SERVING, THEN)
    scaled = replace(SERVING, live=replace(LIVE, ready=1))
    second = build_status(read_model(status=first), scaled, LATER)
    third = build_status(read_model(status=second), ROLLING, LATER)

    ready = [status["conditions"][0] for status in (first, second, third)]
    assert [item["lastTransitionTime"] for item in ready] == [THEN, THEN, LATER]
    assert ready[0]["message"] != ready[1]["message"]


@pytest.mark.parametrize("before", [SERVING, ROLLING], ids=["serving", "rolling out"])
def test_while_kubernetes_has_not_looked_the_conditions_of_the_rollout_stay(
    before: ModelState,
) -> None:
    first = build_status(read_model(), before, THEN)
    changed = replace(phase(Phase.UNOBSERVED), problems=(REFUSED,))
    second = build_status(read_model(status=first, generation=2), changed, LATER)

    ready, trained, _, rolled_out, degraded = zip(
        first["conditions"], second["conditions"], strict=True
    )
    assert ready[0] == ready[1]
    assert rolled_out[0] == rolled_out[1]
    assert trained[1]["observedGeneration"] == 2
    assert degraded[1]["status"] == "True"


def test_the_selector_finds_the_predictors() -> None:
    status = build_status(read_model(), SERVING, THEN)

    assert status["selector"] == (
        "app.kubernetes.io/name=perennial-predictor,perennial.dev/model=points"
    )


def test_what_is_known_of_the_latest_version_stays_while_the_registry_is_away() -> None:
    before = build_status(read_model(), SERVING, THEN)
    after = build_status(read_model(status=before), replace(SERVING, registry=None), LATER)

    assert before["latest"]["version"] == 3
    assert after["latest"] == before["latest"]


def told(before: ModelState, after: ModelState) -> list[ModelEvent]:
    first = build_status(read_model(), before, THEN)
    return list(events(first, build_status(read_model(status=first), after, LATER)))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (SERVING, SERVING, []),
        (SERVING, replace(SERVING, live=replace(LIVE, ready=1)), []),
        (NEW, replace(NEW, last_run=PUBLISHED), [("Normal", "RunPublished")]),
        (NEW, replace(NEW, last_run=FAILED), [("Warning", "RunFailed")]),
        (SERVING, ROLLING, [("Normal", "RollingOut")]),
        (ROLLING, SERVING, [("Normal", "RolledOut")]),
        (ROLLING, STUCK, [("Warning", "RolloutFailed")]),
        (SERVING, SETTINGS_FAILED, [("Warning", "RolloutFailed")]),
        (SERVING, replace(SERVING, problems=(REFUSED,)), [("Warning", "ApiRefused")]),
        (replace(SERVING, problems=(REFUSED,)), SERVING, []),
        (
            SERVING,
            replace(SERVING, last_run=replace(PUBLISHED, run_id="r9", ended=LATER)),
            [("Normal", "RunPublished")],
        ),
    ],
)
def test_events(before: ModelState, after: ModelState, expected: list[tuple[str, str]]) -> None:
    assert [(event.type, event.reason) for event in told(before, after)] == expected


@pytest.mark.parametrize(
    ("before", "after", "kind", "reason", "message"),
    [
        (
            None,
            TRIED,
            *("Normal", "TrialStarted"),
            "version 4 is on trial (Canary): step 1 of 2, 1 of 5 pods",
        ),
        (
            replace(GIVEN_UP, release=V3),
            TRIED,
            *("Normal", "TrialStarted"),
            "version 4 is on trial (Canary): step 1 of 2, 1 of 5 pods",
        ),
        (
            STOPPED,
            replace(TRIED, since=LATER),
            *("Normal", "TrialStarted"),
            "version 4 is on trial (Canary): step 1 of 2, 1 of 5 pods",
        ),
        (
            TRIED,
            SECOND,
            *("Normal", "TrialStepPassed"),
            "version 4 passed step 1 of 2: 0% of 99 requests",
        ),
        (
            SECOND,
            WAITS,
            *("Warning", "TrialInconclusive"),
            "version 4 is on trial: too few requests: 3 of 50",
        ),
        (
            WAITS,
            PASSED,
            *("Normal", "TrialPassed"),
            "version 4 passed its trial: 0% of 99 requests",
        ),
        (SECOND, GIVEN_UP, "Warning", "TrialFailed", "version 4 failed its trial: 9%"),
        (
            SECOND,
            STOPPED,
            *("Normal", "TrialEnded"),
            "the trial of version 4 ended: version 3 is pinned",
        ),
    ],
)
def test_each_turn_of_a_trial_is_worth_an_event_with_its_figures(
    before: Trial | None, after: Trial, kind: str, reason: str, message: str
) -> None:
    found = told(trying(before), trying(after))

    assert ModelEvent(kind, reason, message) in found
    assert [event.reason for event in found if "Trial" in event.reason] == [reason]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (TRIED, replace(TRIED, message="step 1 of 2, 2 of 6 pods")),
        (PASSED, PASSED),
        (GIVEN_UP, GIVEN_UP),
    ],
)
def test_a_trial_that_goes_on_is_worth_no_event(before: Trial, after: Trial) -> None:
    assert [e for e in told(trying(before), trying(after)) if "Trial" in e.reason] == []


def test_the_version_on_trial_says_so() -> None:
    ruling = Ruling(State.APPROVED, "approved by the gate", Verdict(()))
    v5, v6 = Version(5), Version(6)
    denied = replace(ruling, state=State.DENIED)
    judgement = Judgement({}, {v6: denied, v5: ruling, V4.version: ruling, V3.version: ruling}, {})

    rulings = told_of_trial(judgement, TRIED).rulings

    assert rulings[V4.version] == replace(
        ruling, message="on trial (Canary): step 1 of 2, 1 of 5 pods; approved by the gate"
    )
    assert rulings[V3.version] == ruling
    assert rulings[v5].message == "it waits for the trial of version 4; approved by the gate"
    assert rulings[v6] == denied
    assert told_of_trial(judgement, None) == judgement


def test_a_trial_is_remembered_as_it_was() -> None:
    for trial in (TRIED, SECOND, WAITS, PASSED, GIVEN_UP, STOPPED, SHADOWED):
        status = build_status(read_model(), trying(trial), THEN)

        assert rollout_memory(read_model(status=status)).trial == trial


def test_a_new_model_is_worth_no_event_by_itself() -> None:
    assert list(events({}, build_status(read_model(MINIMAL), NEW, THEN))) == []


def test_times_are_in_the_api_s_format() -> None:
    assert (NOW + timedelta()).strftime("%Y-%m-%dT%H:%M:%SZ") == THEN
    assert build_status(read_model(), SERVING, THEN)["latest"]["created"] == THEN
