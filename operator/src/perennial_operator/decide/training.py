"""When a run of the trainer starts at once, beside the schedule."""

from __future__ import annotations

from dataclasses import dataclass, replace

from perennial_core.identity import Version
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
    """What the source of a promotion offered when a run was last started, and over which version
    of the model's own it was to be taken."""
    requested_run: str | None = None
    """The run that a person's last request led to."""


@dataclass(frozen=True)
class LastRun:
    """The run that ended last, as the registry or, failing that, its Job tells."""

    run_id: str
    outcome: RunOutcome
    message: str
    ended: str


@dataclass(frozen=True)
class Source:
    """The source of a promotion in the same registry, and what came from it last."""

    offered: Release | Withheld
    taken: Release | None = None
    """The version of the source that the model's latest version is, where it is one."""
    latest: Version | None = None
    """The model's own latest version."""

    @property
    def withheld(self) -> str | None:
        """Why nothing is offered, when nothing is."""
        return self.offered.reason if isinstance(self.offered, Withheld) else None

    @property
    def news(self) -> str | None:
        """What is to be taken over; another text after each version that comes."""
        if isinstance(self.offered, Withheld) or self.offered == self.taken:
            return None
        return f"{self.offered.version} {self.offered.digest} over {self.latest or 'none'}"


@dataclass(frozen=True)
class TrainingPlan:
    """Whether to start a run now."""

    memory: TrainingMemory
    cause: str | None = None
    """Names the run: the same cause never starts two. None: start none."""
    asked: bool = False
    """Whether a person asked for the run."""

    def started(self, run_id: str | None) -> TrainingMemory:
        """Return what is to be remembered, with the run that was started.

        Args:
            run_id: None: it was started before, and is not known.
        """
        return replace(self.memory, requested_run=run_id) if self.asked else self.memory


def plan_training(
    model: PredictionModel,
    memory: TrainingMemory,
    lost: Release | None,
    last_run: LastRun | None,
    source: Source | None = None,
) -> TrainingPlan:
    """Return the run to start: the first, one for a changed spec or source, or one asked for.

    A suspended model starts none by itself, but one that a person asks for; nor does one whose
    source has nothing for it.

    Args:
        model: The model.
        memory: Which runs were started.
        lost: The release that serves, when the registry has lost all versions: a run replaces it.
        last_run: The run that ended last: what is asked after it is not what was asked before.
        source: Of a promotion; None where it is not looked at from here.
    """
    runs = model.spec.runs
    if runs is None:
        return TrainingPlan(memory)  # versions are brought
    spec_hash = runs.content_hash()
    requested = model.metadata.annotations.get(TRAIN_ANNOTATION)
    asked = requested is not None and requested != memory.requested
    news = source.news if source else None
    new = news is not None and news != memory.offered
    held = runs.suspend or (source is not None and source.withheld is not None)
    this = f"{model.metadata.uid} {spec_hash}" + (f" {news}" if news else "")
    if asked or ((new or spec_hash != memory.spec_hash) and not held):
        now = replace(
            memory, spec_hash=spec_hash, requested=requested, offered=news or memory.offered
        )
        after = last_run.run_id if last_run and (asked or news) else ""
        cause = f"{this} {model.metadata.generation} {requested} {after}"
        return TrainingPlan(now, cause, asked)
    offered = memory.offered if news else None  # what becomes news again is taken over again
    memory = replace(memory, requested=requested, offered=offered)
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
