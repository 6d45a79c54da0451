"""Which run of the trainer is next, and what follows from how a try ended: pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from perennial_cli.local.backoff import Backoff
from perennial_cli.local.resource_file import LocalModel
from perennial_cli.local.schedule import next_fire
from perennial_core.identity import Version
from perennial_core.promotion import Offered, Withheld
from perennial_core.resource import TRAIN_ANNOTATION, PredictionModel
from perennial_core.resource.runs import RunSpec

RETRIES = Backoff(first=2.0, longest=60.0)

_FINAL_EXIT_CODES = frozenset({0, 65, 78})
"""Done, wrong data, wrong spec (sysexits.h): what trying again does not change."""


class Cause(StrEnum):
    FIRST = "first run"
    SPEC = "its spec changed"
    SOURCE = "the source offers another version"
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
    offered: Version | None = None
    """The version of a promotion's source that was taken over, or tried."""


@dataclass(frozen=True)
class NextRun:
    at: datetime
    cause: Cause


def next_run(
    local: LocalModel, past: PastRuns, now: datetime, source: Offered | Withheld | None = None
) -> NextRun | None:
    """Return which run is next; None: none until the resource or its source changes.

    A suspended model starts none by itself, but one that a person asks for; nor does one whose
    source has nothing for it.

    Args:
        local: The resource.
        past: What was run already.
        now: With a time zone.
        source: What a promotion's source offers; None where that is not looked at from here.

    Raises:
        UserError: The schedule or its time zone is wrong.
    """
    runs = local.runs
    if runs is None:
        return None
    held = runs.suspend or isinstance(source, Withheld)
    if not held and (cause := _news(runs, past, source)) is not None:
        return NextRun(now, cause)
    if asked(local.model) not in (None, past.asked):
        return NextRun(now, Cause.ASKED)
    at = None if held else next_fire(runs, past.until, local.model.spec.runs_field)
    return None if at is None else NextRun(at, Cause.SCHEDULE)


def _news(runs: RunSpec, past: PastRuns, source: Offered | Withheld | None) -> Cause | None:
    if past.spec_hash is None:
        return Cause.FIRST
    if runs.content_hash() != past.spec_hash:
        return Cause.SPEC
    is_other = isinstance(source, Offered) and source.version != past.offered
    return Cause.SOURCE if is_other else None


def asked(model: PredictionModel) -> str | None:
    """Return the value by which a person asks for a run."""
    return model.metadata.annotations.get(TRAIN_ANNOTATION)


def how_to_run_again(runs: RunSpec, field: str, command: str) -> str:
    """Return what a person has to do for another run; nothing where the schedule starts one.

    Args:
        runs: What the resource says of runs.
        field: The path of it.
        command: Starts a run.
    """
    if runs.schedule is not None and not runs.suspend:
        return ""
    ask = f"; repair it, then: {command}"
    return ask if runs.suspend else f"{ask}; or give {field}.schedule"


def wait_before_retry(exit_code: int, tries: int, retries: int) -> float | None:
    """Return the seconds until a run is tried again; None: it is not.

    Args:
        exit_code: How the last try ended; negative: by this signal.
        tries: How many there were, 1 or more.
        retries: As the spec of the runs says.
    """
    if exit_code in _FINAL_EXIT_CODES or tries > retries:
        return None
    return RETRIES.after(tries)
