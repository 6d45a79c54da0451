"""What is told of a local model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from builders import NOW, manifest_body, spec_hash
from local_run import resource

from perennial_cli.local.asked_run import AskedRun
from perennial_cli.local.predictor import Readiness
from perennial_cli.local.resource_file import LocalModel
from perennial_cli.local.seen import Seen, model_view, version_views
from perennial_cli.views import RunView
from perennial_core.identity import Digest, ModelKey, Version
from perennial_core.registry import Answer, Decision, Failure, Run, RunOutcome, Serving, Snapshot
from perennial_core.resource import PredictionModel

KEY = ModelKey("tests", "points")
APPROVED = Decision(verdict=Answer.APPROVED, by="alice", reason="so", at=NOW)


def seen(
    *approved: int, published: int = 2, answers: int | None = None, runs: bool = True, **spec: Any
) -> Seen:
    """Return a model of so many versions, of which some are approved and one may answer."""
    model = PredictionModel.parse(resource(**spec))
    body = manifest_body(KEY, b"model").changed(training_spec_hash=spec_hash(model))
    versions = tuple(Version(number) for number in range(1, published + 1))
    return Seen(
        LocalModel(model, generation=7),
        Snapshot(
            latest=versions[-1] if versions else None,
            versions=versions,
            serving=Serving(version=Version(answers), digest=Digest("d")) if answers else None,
            decisions={Version(number): APPROVED for number in approved},
            failures={},
            last_run=None,
        ),
        {version: body.numbered(version) for version in versions},
        Readiness(model=str(KEY), version=Version(answers) if answers else None) if runs else None,
    )


def changed(found: Seen, **fields: Any) -> Seen:
    return replace(found, snapshot=replace(found.snapshot, **fields))


def conditions(found: Seen) -> dict[str, tuple[str, str]]:
    return {item.type: (item.status, item.reason) for item in model_view(found).conditions}


def test_a_version_that_should_answer_and_does() -> None:
    view = model_view(seen(1, 2, answers=2))
    assert (view.ready, view.serving, view.latest, view.message) == (True, 2, 2, "")
    assert conditions(seen(1, 2, answers=2))["RolledOut"] == ("True", "RolledOut")


def test_what_the_spec_says_of_a_cluster_is_told_beside_what_happens_here() -> None:
    view = model_view(seen(1, answers=1, rollout={"strategy": "Canary"}))
    assert (view.strategy, view.cluster_strategy) == ("HotSwap", "Canary")


def test_a_pin_that_is_not_held_yet() -> None:
    found = seen(1, 2, answers=2, rollout={"pinnedVersion": 1})
    assert model_view(found).message == "changing to version 1"
    assert conditions(found)["RolledOut"] == ("False", "RollingOut")
    assert model_view(found).condition("RolledOut").observed_generation == 7  # type: ignore[union-attr]


def test_a_pin_that_cannot_be_held() -> None:
    found = seen(1, answers=1, rollout={"pinnedVersion": 5})
    assert conditions(found)["Degraded"] == ("True", "PinNotHeld")
    assert "version 5 is not retained" in model_view(found).message


def test_a_version_that_awaits_approval() -> None:
    found = seen(1, answers=1, rollout={"approval": "Manual"})
    assert model_view(found).awaiting_approval == [2]
    assert conditions(found)["Gated"] == ("False", "AwaitingApproval")
    approve = "perennial approve points --version 2 --local model.yaml"
    gated = model_view(replace(found, options=("--local", "model.yaml"))).condition("Gated")
    assert gated is not None
    assert gated.message.endswith(f"; `{approve}` lets it serve")
    states = [(view.version, view.state, view.decided_by) for view in version_views(found)]
    assert states == [(2, "AwaitingApproval", None), (1, "Serving", "alice")]


def test_without_a_run_at_work_what_should_serve_is_told() -> None:
    found = seen(1, 2, answers=2, runs=False)
    assert (model_view(found).serving, model_view(found).ready) == (2, False)
    assert conditions(found)["RolledOut"] == ("False", "NotRunning")


def test_a_model_that_has_nothing_yet() -> None:
    found = seen(published=0)
    assert model_view(found).message == "no version is approved yet"
    assert conditions(found)["Trained"] == ("False", "NoRun")
    assert version_views(found) == []


def test_the_run_that_was_asked_for_is_told_beside_the_last_one() -> None:
    other = Run(run_id="other", outcome=RunOutcome.FAILED, started=NOW, ended=NOW, message="no")
    found = changed(seen(1, answers=1), last_run=other)
    assert model_view(found).requested is None
    waiting = model_view(replace(found, asked=AskedRun(value="now", run_id="own")))
    assert waiting.requested == "now"
    assert waiting.requested_run == RunView(run_id="own")
    own = other.changed(run_id="own", outcome=RunOutcome.SKIPPED)
    ended = replace(found, asked=AskedRun(value="now", run_id="own"), asked_record=own)
    told = model_view(ended).requested_run
    assert told is not None
    assert (told.run_id, told.outcome) == ("own", "Skipped")


def test_a_run_or_a_version_that_failed() -> None:
    run = Run(run_id="r", outcome=RunOutcome.FAILED, started=NOW, ended=NOW, message="no file")
    failed = changed(seen(1, answers=1), last_run=run)
    assert conditions(failed)["Degraded"] == ("True", "RunFailed")
    assert (model_view(failed).message, model_view(failed).ready) == ("no file", True)
    failure = Failure(reason="Late", message="too slow", at=NOW)
    failed = changed(seen(1, 2, answers=1), failures={Version(2): failure})
    assert conditions(failed)["Degraded"] == ("True", "RolloutFailed")
