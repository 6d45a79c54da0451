"""Which run of the trainer is next, and what follows from how a try ended: pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from perennial_cli.local.backoff import Backoff
from perennial_cli.local.resource_file import LocalModel
from perennial_cli.local.schedule import next_fire
from perennial_core.resource import TRAIN_ANNOTATION, PredictionModel, TrainingSpec

RETRIES = Backoff(first=2.0, longest=60.0)

_FINAL_EXIT_CODES = frozenset({0, 65, 78})
"""Done, wrong data, wrong spec (sysexits.h): what trying again does not change."""


class Cause(StrEnum):
    FIRST = "first run"
    SPEC = "the training spec changed"
    ASKED = f"asked for by the annotation {TRAIN_ANNOTATION}"
    SCHEDULE = "scheduled"


@dataclass(frozen=True)
class PastRuns:
    """What was run already."""

    spec_hash: str | None
    """The training spec of the last run, or of the latest version; None: there is neither."""
    asked: str | None
    """The value of the annotation perennial.dev/train that was acted on."""
    until: datetime
    """Times of the schedule up to this one are behind us."""


@dataclass(frozen=True)
class NextRun:
    at: datetime
    cause: Cause


def next_run(local: LocalModel, past: PastRuns, now: datetime) -> NextRun | None:
    """Return which run is next; None: none until the resource changes.

    A suspended model starts none by itself, but one that a person asks for.

    Raises:
        UserError: The schedule or its time zone is wrong.
    """
    training = local.training
    if not training.suspend:
        if past.spec_hash is None:
            return NextRun(now, Cause.FIRST)
        if training.content_hash() != past.spec_hash:
            return NextRun(now, Cause.SPEC)
    if asked(local.model) not in (None, past.asked):
        return NextRun(now, Cause.ASKED)
    if training.suspend or training.schedule is None:
        return None
    return NextRun(next_fire(training.schedule, training.time_zone, past.until), Cause.SCHEDULE)


def asked(model: PredictionModel) -> str | None:
    """Return the value by which a person asks for a run."""
    return model.metadata.annotations.get(TRAIN_ANNOTATION)


def how_to_train_again(training: TrainingSpec) -> str:
    """Return what a person has to do for another run; nothing where the schedule starts one."""
    if training.schedule is not None and not training.suspend:
        return ""
    ask = f"; repair it, then set another value of metadata.annotations {TRAIN_ANNOTATION}"
    return ask if training.suspend else f"{ask}, or give spec.training.schedule"


def wait_before_retry(exit_code: int, tries: int, retries: int) -> float | None:
    """Return the seconds until a run is tried again; None: it is not.

    Args:
        exit_code: How the last try ended; negative: by this signal.
        tries: How many there were, 1 or more.
        retries: ``spec.training.retries``.
    """
    if exit_code in _FINAL_EXIT_CODES or tries > retries:
        return None
    return RETRIES.after(tries)
