"""How far something is that a person waits for."""

from __future__ import annotations

from typing import Any

import pytest

from perennial_cli.progress import (
    Asked,
    Phase,
    of_approval,
    of_denial,
    of_import,
    of_rollout,
    of_run,
    ruling_text,
)
from perennial_cli.views import ConditionView, ModelView, RunView, VersionView
from perennial_cli.where import Where

WHERE = Where(namespace="shop")
APPROVE = "perennial approve points --version 3 -n shop"
ON, DONE, FAILED = Phase.GOES_ON, Phase.DONE, Phase.FAILED


def model(*conditions: tuple[str, str, str], seen: int = 2, **fields: Any) -> ModelView:
    return ModelView(
        namespace="shop",
        name="points",
        strategy="RollingUpdate",
        conditions=[
            ConditionView(
                type=kind, status=status, reason=reason, message=reason, observed_generation=seen
            )
            for kind, status, reason in conditions
        ],
        **fields,
    )


def run(run_id: str, outcome: str) -> RunView:
    return RunView(run_id=run_id, outcome=outcome, message="so")


@pytest.mark.parametrize(
    ("seen", "phase", "text"),
    [
        (model(requested="old", last_run=run("r1", "Published")), ON, "nobody took it up yet"),
        (model(requested="new", last_run=run("r1", "Published")), ON, "the run is under way"),
        (model(requested="new", last_run=run("r2", "Published")), DONE, "Published: so"),
        (model(requested="new", last_run=run("r2", "Skipped")), DONE, "Skipped: so"),
        (model(requested="new", last_run=run("r2", "Failed")), FAILED, "Failed: so"),
        (model(requested="old", last_run=run("r2", "Published")), ON, "nobody took it up yet"),
        (model(("Degraded", "True", "RunWaits"), requested="new"), ON, "RunWaits"),
    ],
)
def test_a_run_that_was_asked_for(seen: ModelView, phase: Phase, text: str) -> None:
    progress = of_run(seen, Asked({"r0", "r1"}, "new", taken="old"))
    assert (progress.phase, progress.text) == (phase, text)


@pytest.mark.parametrize(
    ("requested", "text"),
    [
        (None, "nobody took it up yet"),
        ("monday", "nobody took it up yet"),  # by another's annotation, and long ago
        ("2026-11-27T10:00:01Z", "nobody took it up yet"),
        ("2026-11-27T10:00:02Z", "Published: so"),
        ("2026-11-27T10:00:03Z", "Published: so"),
    ],
)
def test_a_later_request_answers_for_one_that_it_replaced(requested: str | None, text: str) -> None:
    asked = Asked({"r1"}, "2026-11-27T10:00:02Z", taken="monday")
    seen = model(requested=requested, requested_run=run("r2", "Published"))
    assert of_run(seen, asked).text == text


def test_another_run_that_ends_meanwhile_is_not_the_one_that_was_asked_for() -> None:
    asked, other = Asked({"r1"}, "new"), run("r2", "Failed")
    own = RunView(run_id="r3")
    waits = of_run(model(requested="new", requested_run=own, last_run=other), asked)
    assert (waits.phase, waits.text) == (ON, "the run is under way")
    done = of_run(
        model(requested="new", requested_run=run("r3", "Published"), last_run=other), asked
    )
    assert (done.phase, done.text) == (DONE, "Published: so")


HELD = ("RolledOut", "True", "RolledOut")
ROLLING = ("RolledOut", "False", "RollingOut")


@pytest.mark.parametrize(
    ("seen", "pinned", "phase"),
    [
        (model(HELD, serving=5, seen=1), 3, ON),
        (model(ROLLING, serving=5), 3, ON),
        (model(HELD, serving=5), 3, ON),
        (model(HELD, serving=3), 3, DONE),
        (model(HELD, serving=5), None, DONE),
        (model(HELD, ("Degraded", "True", "PinNotHeld"), serving=5), 3, FAILED),
        (model(("RolledOut", "False", "Stuck")), 3, FAILED),
        (model(("RolledOut", "False", "ScaledToZero")), 3, FAILED),
        (model(HELD, ("Degraded", "True", "RunFailed"), serving=3), 3, DONE),
        (model(), 3, ON),
    ],
)
def test_a_changed_pin(seen: ModelView, pinned: int | None, phase: Phase) -> None:
    assert of_rollout(seen, pinned, generation=2).phase is phase


def version(state: str) -> VersionView:
    return VersionView(namespace="shop", model="points", version=3, state=state, message="so")


@pytest.mark.parametrize(
    ("seen", "state", "phase"),
    [
        (model(), "AwaitingApproval", ON),
        (model(ROLLING), "Approved", ON),
        (model(pinned_version=2), "Approved", DONE),
        (model(pinned_version=3), "Approved", ON),
        (model(ready=False), "Serving", ON),
        (model(ready=True), "Serving", DONE),
        (model(), "Failed", FAILED),
        (model(), "Superseded", FAILED),
        (model(), None, FAILED),
    ],
)
def test_an_approved_version(seen: ModelView, state: str | None, phase: Phase) -> None:
    assert of_approval(seen, version(state) if state else None).phase is phase


def test_a_version_on_trial_says_how_it_stands() -> None:
    trial = {"version": 3, "step": 1, "steps": 2, "message": "50 requests, too few to tell"}
    progress = of_approval(model(HELD, trial=trial), version("Approved"))
    assert progress.text == "on trial, step 1 of 2: 50 requests, too few to tell"


def test_a_brought_version_waits_for_a_person_or_serves() -> None:
    assert of_import(model(), None).phase is ON, "the operator has not seen it"
    assert of_import(model(), version("AwaitingApproval")).phase is DONE
    assert of_import(model(), version("Rejected")).phase is FAILED
    assert of_import(model(ready=True), version("Serving")).phase is DONE


def test_a_denied_version() -> None:
    assert of_denial(version("AwaitingApproval")).phase is ON
    assert of_denial(version("Denied")).phase is DONE
    assert of_denial(None).phase is DONE, "it was let go meanwhile"


@pytest.mark.parametrize(
    ("state", "outcome", "number", "text"),
    [
        ("Rejected", "Published", 3, "; it is rejected: so"),
        ("AwaitingApproval", "Published", 3, f"; it awaits approval: {APPROVE}"),
        ("Approved", "Published", 3, ""),
        ("Rejected", "Published", 13, ""),
        ("Rejected", "Skipped", 3, ""),
    ],
)
def test_what_became_of_a_published_version(
    state: str, outcome: str, number: int, text: str
) -> None:
    ended = RunView(run_id="r", outcome=outcome, message=f"published version {number}")

    assert ruling_text(ended, [version(state)], WHERE.command) == text
