"""How far something is that a person waits for: pure functions of what was seen last."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from perennial_cli.views import ModelView, RunView, VersionView
from perennial_core.decisions import State
from perennial_core.registry import RunOutcome

_FINAL = ("SettingsFailed", "Stuck", "NothingToServe", "ScaledToZero", "NotRunning")
"""Reasons why nothing rolls out, and nothing will by itself."""


class Phase(StrEnum):
    GOES_ON = "goes on"
    DONE = "done"
    FAILED = "failed"
    """It will not come by itself."""


@dataclass(frozen=True)
class Progress:
    """How far it is, for people."""

    phase: Phase
    text: str


@dataclass(frozen=True)
class Asked:
    """A run that was asked for."""

    before: Collection[str]
    """The runs that there were."""
    value: str | None = None
    """The request's; None: a change of the spec asked."""
    taken: str | None = None
    """The request that had been taken up last."""

    def is_taken_up(self, requested: str | None) -> bool:
        """Return whether the request was, or one that replaced it; the command's are times."""
        if self.value is None or requested == self.value:
            return True
        return requested not in (None, self.taken) and requested > self.value


def of_run(model: ModelView, asked: Asked) -> Progress:
    """Return how far a run is."""
    run = ended_run(model, asked)
    if run is None:
        degraded = model.condition("Degraded")
        if degraded and degraded.status == "True" and degraded.reason == "RunWaits":
            return Progress(Phase.GOES_ON, degraded.message)
        taken = asked.is_taken_up(model.requested)
        return Progress(Phase.GOES_ON, "the run is under way" if taken else "nobody took it up yet")
    failed = run.outcome == RunOutcome.FAILED
    return Progress(Phase.FAILED if failed else Phase.DONE, f"{run.outcome}: {run.message}")


def ended_run(model: ModelView, asked: Asked) -> RunView | None:
    """Return the run that was asked for, once it has ended."""
    if not asked.is_taken_up(model.requested):
        return None
    own = model.requested_run if asked.value is not None else None
    if own is not None:
        return own if own.outcome is not None else None
    run = model.last_run
    return None if run is None or run.run_id in asked.before else run


def ruling_text(
    run: RunView, versions: Collection[VersionView], command: Callable[..., str]
) -> str:
    """Return what became of the version that a run published, unless it may serve.

    Args:
        run: The run.
        versions: The model's.
        command: Returns a command line for the model.
    """
    for view in versions:
        if run.outcome == RunOutcome.PUBLISHED and run.message.endswith(f"version {view.version}"):
            if view.state == State.REJECTED:
                return f"; it is rejected: {view.message}"
            if view.state == State.AWAITING_APPROVAL:
                approve = command("approve", view.model, "--version", str(view.version))
                return f"; it awaits approval: {approve}"
    return ""


def of_rollout(model: ModelView, version: int | None, generation: int) -> Progress:
    """Return how far a model is with what its spec says.

    Args:
        model: The model.
        version: The version that is pinned; None: none is.
        generation: The generation of the resource that says so.
    """
    rolled, degraded = model.condition("RolledOut"), model.condition("Degraded")
    if rolled is None or (rolled.observed_generation or 0) < generation:
        return Progress(Phase.GOES_ON, "nobody took it up yet")
    if degraded and degraded.status == "True" and degraded.reason == "PinNotHeld":
        return Progress(Phase.FAILED, degraded.message)
    if rolled.status == "True":
        arrived = version in (None, model.serving)
        text = f"version {model.serving} serves" if arrived else rolled.message
        return Progress(Phase.DONE if arrived else Phase.GOES_ON, text)
    return Progress(Phase.FAILED if rolled.reason in _FINAL else Phase.GOES_ON, rolled.message)


_LOST = (State.FAILED, State.SUPERSEDED, State.DENIED, State.REJECTED)


def of_approval(model: ModelView, view: VersionView | None) -> Progress:
    """Return how far a version is that was approved."""
    if view is None:
        return Progress(Phase.FAILED, "the version is no longer retained")
    this = f"version {view.version}"
    if view.state in _LOST:
        return Progress(Phase.FAILED, f"{this}: {view.message}")
    if view.state == State.SERVING and model.ready:
        return Progress(Phase.DONE, f"{this} serves")
    if view.state == State.AWAITING_APPROVAL:
        return Progress(Phase.GOES_ON, "nobody took it up yet")
    if view.state == State.APPROVED and model.pinned_version not in (None, view.version):
        pinned = f"version {model.pinned_version} is pinned"
        return Progress(Phase.DONE, f"{this} is approved and may serve, but {pinned}")
    return Progress(Phase.GOES_ON, _trial_text(model, view) or _rollout_text(model, view))


def _trial_text(model: ModelView, view: VersionView) -> str | None:
    """Return how the trial of a version stands; None: it is not on trial."""
    trial = model.trial or {}
    if trial.get("version") != view.version:
        return None
    return f"on trial, step {trial['step']} of {trial['steps']}: {trial['message']}"


def _rollout_text(model: ModelView, view: VersionView) -> str:
    rolled = model.condition("RolledOut")
    return rolled.message if rolled else f"version {view.version}: {view.message}"


def of_import(model: ModelView, view: VersionView | None) -> Progress:
    """Return how far a version is that was brought."""
    if view is None:
        return Progress(Phase.GOES_ON, "nobody took it up yet")
    if view.state == State.AWAITING_APPROVAL:
        return Progress(Phase.DONE, f"it awaits approval: {view.message}")
    return of_approval(model, view)


def of_denial(view: VersionView | None) -> Progress:
    """Return how far a version is that was denied."""
    if view is None or view.state == State.DENIED:
        return Progress(Phase.DONE, "it will not serve")
    return Progress(Phase.GOES_ON, "nobody took it up yet")
