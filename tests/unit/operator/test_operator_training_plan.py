"""When a run starts at once."""

from __future__ import annotations

from typing import Any

import pytest
from builders import spec_hash
from operator_models import MINIMAL, Body, merged, read_model

from perennial_core.identity import Digest, Version
from perennial_core.registry import RunOutcome
from perennial_core.resource import TRAIN_ANNOTATION
from perennial_operator.build.deployment import Release
from perennial_operator.decide.training import LastRun, TrainingMemory, TrainingPlan, plan_training

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
    **metadata: Any,
) -> TrainingPlan:
    annotations = {} if requested is None else {TRAIN_ANNOTATION: requested}
    model = read_model(spec, annotations=annotations, **metadata)
    return plan_training(model, memory, lost, last_run)


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
