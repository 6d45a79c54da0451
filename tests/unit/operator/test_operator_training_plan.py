"""When a run starts at once."""

from __future__ import annotations

from typing import Any

import pytest
from builders import spec_hash
from operator_models import MINIMAL, Body, merged, read_model

from perennial_core.identity import Digest, Version
from perennial_core.promotion import Withheld
from perennial_core.registry import RunOutcome
from perennial_core.resource import TRAIN_ANNOTATION
from perennial_operator.build.deployment import Release
from perennial_operator.decide.training import (
    LastRun,
    Source,
    TrainingMemory,
    TrainingPlan,
    only_when_asked,
    plan_training,
)

SUSPENDED = merged(MINIMAL, training={"suspend": True})
OTHER_DATA = merged(MINIMAL, training={"data": {"uri": "sample://linear?rows=5", "target": "y"}})
OTHER_SCHEDULE = merged(MINIMAL, training={"schedule": "@daily", "retries": 0})
HASH = spec_hash(read_model())
NEVER = TrainingMemory()
STARTED = TrainingMemory(HASH)
LOST = Release(Version(7), Digest("sha256:7"))


def plan(
    spec: Body = MINIMAL,
    memory: TrainingMemory = NEVER,
    *,
    requested: str | None = None,
    lost: Release | None = None,
    last_run: LastRun | None = None,
    source: Source | None = None,
    **metadata: Any,
) -> TrainingPlan:
    annotations = {} if requested is None else {TRAIN_ANNOTATION: requested}
    model = read_model(spec, annotations=annotations, **metadata)
    return plan_training(model, memory, lost, last_run, source)


def ended(run_id: str, outcome: RunOutcome = RunOutcome.PUBLISHED) -> LastRun:
    return LastRun(run_id, outcome, "it ended", "2026-01-01T00:00:00Z")


def test_the_first_run_starts_at_once_and_is_remembered() -> None:
    first = plan()

    assert first.cause is not None
    assert first.memory == STARTED
    assert plan(memory=first.memory) == TrainingPlan(first.memory)


@pytest.mark.parametrize(
    ("spec", "starts"), [(OTHER_DATA, True), (OTHER_SCHEDULE, False), (SUSPENDED, False)]
)
def test_a_change_of_what_is_trained_starts_a_run(spec: Body, starts: bool) -> None:
    assert (plan(spec, STARTED).cause is not None) is starts


def test_a_suspended_model_starts_none_and_makes_up_for_it_later() -> None:
    held = plan(SUSPENDED)

    assert held == TrainingPlan(NEVER)
    assert plan(MINIMAL, held.memory).cause is not None


@pytest.mark.parametrize("spec", [MINIMAL, SUSPENDED])
def test_a_person_starts_one_run_with_each_new_value(spec: Body) -> None:
    asked = plan(spec, STARTED, requested="1")

    assert asked.cause is not None
    assert plan(spec, asked.memory, requested="1").cause is None
    again = plan(spec, asked.memory, requested="2").cause
    assert again is not None
    assert again != asked.cause


def test_the_run_that_a_person_asked_for_is_remembered_until_they_ask_for_another() -> None:
    asked = plan(memory=STARTED, requested="1").started("uid-1")
    assert asked.requested_run == "uid-1"
    changed = plan(OTHER_DATA, asked, requested="1").started("uid-2")
    assert changed.requested_run == "uid-1"
    unknown = plan(OTHER_DATA, changed, requested="2").started(None)
    assert unknown.requested_run is None, "its Job was made before, and is not known"


def test_removing_the_annotation_starts_none() -> None:
    asked = plan(memory=STARTED, requested="1")

    removed = plan(memory=asked.memory)
    assert removed.cause is None
    assert plan(memory=removed.memory, requested="1").cause is not None


def test_an_empty_value_asks_once() -> None:
    asked = plan(memory=STARTED, requested="")

    assert asked.cause is not None
    assert plan(memory=asked.memory, requested="").cause is None


def test_a_value_that_comes_again_after_others_asks_again() -> None:
    memory, last_run, causes = STARTED, None, []
    for number, value in enumerate("121212"):
        asked = plan(memory=memory, requested=value, last_run=last_run)
        memory, last_run = asked.memory, ended(f"run-{number}")
        causes.append(asked.cause)
    assert None not in causes
    assert len(set(causes)) == len(causes)


def test_an_annotation_from_the_start_makes_one_run_not_two() -> None:
    first = plan(requested="1")

    assert first.cause is not None
    assert plan(memory=first.memory, requested="1").cause is None


def test_the_same_reason_names_the_same_run_so_that_a_crash_starts_no_second() -> None:
    assert plan().cause == plan().cause


@pytest.mark.parametrize("metadata", [{"generation": 3}, {"uid": "22222222"}])
def test_going_back_to_an_earlier_spec_and_a_new_model_of_the_name_are_new_reasons(
    metadata: Body,
) -> None:
    assert plan(**metadata).cause != plan().cause


def test_a_registry_that_lost_everything_gets_a_run() -> None:
    lost = plan(memory=STARTED, lost=LOST)

    assert lost.cause is not None
    assert lost.memory == STARTED
    assert plan(memory=STARTED, lost=LOST).cause == lost.cause
    assert plan(SUSPENDED, STARTED, lost=LOST).cause is None


def test_a_registry_that_loses_everything_again_gets_another_run() -> None:
    first = plan(memory=STARTED, lost=LOST, last_run=ended("before"))
    again = plan(memory=STARTED, lost=LOST, last_run=ended("after"))

    assert first.cause != again.cause


def test_a_run_that_fails_to_replace_what_was_lost_is_not_tried_at_once_for_ever() -> None:
    failures = [ended(name, RunOutcome.FAILED) for name in ("one", "two", "three")]

    assert len({plan(memory=STARTED, lost=LOST, last_run=run).cause for run in failures}) == 1


FROM: Body = {"namespace": "staging", "name": "points"}
R7, R8 = (Release(Version(v), Digest(f"sha256:{v}")) for v in (7, 8))
V7, V8 = Source(R7), Source(R8)
WITHHELD = Source(Withheld("staging/points serves no version yet", refused=False))


def promoted(**source: Any) -> Body:
    return {"promotion": {"from": {**FROM, **source}}}


def test_what_a_source_offers_is_taken_over_once() -> None:
    first = plan(promoted(), source=V7)

    assert first.cause is not None
    assert "7 sha256:7 over none" in first.cause
    assert plan(promoted(), first.memory, source=V7) == TrainingPlan(first.memory)
    failed = plan(promoted(), first.memory, source=V7, last_run=ended("one", RunOutcome.FAILED))
    assert failed.cause is None
    taken = plan(promoted(), first.memory, source=Source(R7, taken=R7, latest=Version(1)))
    assert taken.cause is None


def test_what_was_taken_over_already_is_not_taken_over_for_want_of_memory() -> None:
    source = Source(R7, taken=R7, latest=Version(1))

    assert plan(promoted(), TrainingMemory(spec_hash(read_model(promoted()))), source=source) == (
        TrainingPlan(TrainingMemory(spec_hash(read_model(promoted()))))
    )


def test_a_run_that_took_another_version_than_it_was_started_for_is_followed_by_one() -> None:
    """The source went on while the run started, and back before it ended."""
    first = plan(promoted(), source=V7)
    followed = plan(promoted(), first.memory, source=Source(R7, taken=R8, latest=Version(1)))

    assert followed.cause not in (None, first.cause)


def test_an_offer_names_the_same_run_so_that_a_crash_starts_no_second() -> None:
    last_run = ended("one")
    causes = {plan(promoted(), source=V7, last_run=last_run).cause for _ in range(2)}

    assert len(causes) == 1


@pytest.mark.parametrize("memory", [NEVER, TrainingMemory("h", None, "7 sha256:7 over none")])
def test_nothing_starts_while_the_source_has_nothing_but_what_a_person_asks_for(
    memory: TrainingMemory,
) -> None:
    assert plan(promoted(), memory, source=WITHHELD).cause is None
    assert plan(promoted(), memory, source=WITHHELD, lost=LOST).cause is None
    assert plan(promoted(), memory, source=WITHHELD, requested="1").cause is not None


def test_what_was_withheld_is_taken_over_when_it_comes_also_after_a_person_asked() -> None:
    held = plan(promoted(), source=WITHHELD)
    asked = plan(promoted(), held.memory, source=WITHHELD, requested="1")

    assert plan(promoted(), held.memory, source=V7).cause is not None
    assert plan(promoted(), asked.memory, source=V7, requested="1").cause is not None


def test_what_is_withheld_and_offered_again_is_taken_over_again() -> None:
    started = plan(promoted(), source=V7)
    withheld = plan(promoted(), started.memory, source=WITHHELD)
    again = plan(promoted(), withheld.memory, source=V7, last_run=ended("one", RunOutcome.FAILED))

    assert again.cause not in (None, started.cause)


def test_a_suspended_promotion_holds_and_makes_up_for_it_later() -> None:
    held = plan(promoted(suspend=True), source=V7)

    assert held == TrainingPlan(NEVER)
    assert plan(promoted(), held.memory, source=V7).cause is not None


def test_another_registry_is_looked_at_by_the_first_run_and_the_schedule() -> None:
    first = plan(promoted(registrySecret="far"))

    assert first.cause is not None
    assert plan(promoted(registrySecret="far"), first.memory).cause is None


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (MINIMAL, False),
        ({"promotion": {}}, False),
        (promoted(), False),
        (promoted(registrySecret="far", schedule="@hourly"), False),
        (promoted(registrySecret="far"), True),
    ],
)
def test_it_is_told_where_nothing_looks_for_further_versions(spec: Body, told: bool) -> None:
    note = only_when_asked(read_model(spec))

    assert (note is not None and "spec.promotion.from.schedule" in note) is told
