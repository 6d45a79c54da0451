"""When a run of the trainer starts at once, beside the schedule."""

from __future__ import annotations

from dataclasses import dataclass, replace

from perennial_core.promotion import Withheld
from perennial_core.registry import RunOutcome
from perennial_core.resource import TRAIN_ANNOTATION, PredictionModel
from perennial_operator.build.deployment import Release


@dataclass(frozen=True)
class TrainingMemory:
    """Which runs were started, as the model's status remembers."""

    spec_hash: str | None = None
    requested: str | None = None
    offered: str | None = None
    """What the source of a promotion offered when a run was last started."""


@dataclass(frozen=True)
class LastRun:
    """The run that ended last, as the registry or, failing that, its Job tells."""

    run_id: str
    outcome: RunOutcome
    message: str
    ended: str


@dataclass(frozen=True)
class TrainingPlan:
    """Whether to start a run now."""

    memory: TrainingMemory
    cause: str | None = None
    """Names the run: the same cause never starts two. None: start none."""


def plan_training(
    model: PredictionModel,
    memory: TrainingMemory,
    lost: Release | None,
    last_run: LastRun | None,
    source: Release | Withheld | None = None,
) -> TrainingPlan:
    """Return the run to start: the first, one for a changed spec or source, or one asked for.

    A suspended model starts none by itself, but one that a person asks for; nor does one whose
    source has nothing for it.

    Args:
        model: The model.
        memory: Which runs were started.
        lost: The release that serves, when the registry has lost all versions: a run replaces it.
        last_run: The run that ended last: what is asked after it is not what was asked before.
        source: What the source of a promotion offers; None where that is not looked at from here.
    """
    runs = model.spec.runs
    if runs is None:
        return TrainingPlan(memory)  # versions are brought
    spec_hash = runs.content_hash()
    requested = model.metadata.annotations.get(TRAIN_ANNOTATION)
    asked = requested is not None and requested != memory.requested
    offered = f"{source.version} {source.digest}" if isinstance(source, Release) else None
    new = offered is not None and offered != memory.offered
    held = runs.suspend or isinstance(source, Withheld)
    this = f"{model.metadata.uid} {spec_hash}" + (f" {offered}" if offered else "")
    if asked or ((new or spec_hash != memory.spec_hash) and not held):
        now = TrainingMemory(spec_hash, requested, offered or memory.offered)
        after = last_run.run_id if last_run and (asked or new) else ""
        return TrainingPlan(now, cause=f"{this} {model.metadata.generation} {requested} {after}")
    memory = replace(memory, requested=requested)
    if lost is not None and not held:
        return TrainingPlan(memory, cause=f"{this} lost {lost.version} {_after_success(last_run)}")
    return TrainingPlan(memory)


def only_when_asked(model: PredictionModel) -> str | None:
    """Return that nothing starts a run for a new version of the source; None where something does.

    Another registry is not watched, so there it takes a schedule.
    """
    source = model.spec.promotion.from_ if model.spec.promotion else None
    if source is None or source.registry_secret is None or source.schedule is not None:
        return None
    return (
        "further versions are taken over only when a person asks, for another registry is not"
        " watched: set spec.promotion.from.schedule"
    )


def _after_success(last_run: LastRun | None) -> str:
    """Return another text after each run that did not fail, so that failures do not race."""
    if last_run is None or last_run.outcome is RunOutcome.FAILED:
        return ""
    return last_run.run_id
