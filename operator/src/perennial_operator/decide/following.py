"""A rollout to pods that follow the registry, seen as that of a Deployment that names a version."""

from __future__ import annotations

from dataclasses import replace

from perennial_operator.build.deployment import Release
from perennial_operator.build.metadata import content_hash
from perennial_operator.decide.rollout import (
    Attempt,
    Clock,
    LiveDeployment,
    Progress,
    RolloutMemory,
)
from perennial_operator.decide.swap import LOOK_AGAIN_SECONDS, all_serve, begun, none_differs


def following(
    memory: RolloutMemory,
    attempt: Attempt,
    live: LiveDeployment | None,
    clock: Clock,
    named: Release | None,
) -> tuple[RolloutMemory, Attempt, LiveDeployment | None]:
    """Return the attempt where pods follow the registry, and the Deployment in whose progress it
    counts what they answer with.

    The version changes once the Deployment is settled: until then the incumbent serves, unless the
    registry names the other one already.
    """
    proven, settled = memory.proven, _is_settled(memory, attempt, live)
    idle = live is not None and live.progress is Progress.SCALED_TO_ZERO
    if proven is not None and not settled and (idle or named != attempt.release):
        attempt = replace(attempt, release=proven.release)
    if live is None or live.progress is Progress.UNOBSERVED:
        return memory, attempt, live
    changes = proven is None or attempt.release != proven.release
    if idle or not (settled or changes):
        return replace(memory, swap=None), attempt, live
    swap = begun(memory.swap, attempt.release, clock.now) if named == attempt.release else None
    live = _as_answered(live, attempt.release, settled, late=bool(swap and clock.is_late(swap)))
    return replace(memory, swap=swap), attempt, live


def _is_settled(memory: RolloutMemory, attempt: Attempt, live: LiveDeployment | None) -> bool:
    """Return whether the pods that there are have the template; some may be missing."""
    if live is None or live.template_hash != content_hash(attempt.template):
        return False
    if live.progress in (Progress.UNOBSERVED, Progress.SCALED_TO_ZERO):
        return False
    proven = memory.proven is not None and memory.proven.template == attempt.template
    return live.progress is Progress.COMPLETE or (proven and live.uniform)


def _as_answered(
    live: LiveDeployment, release: Release, settled: bool, late: bool
) -> LiveDeployment:
    if settled and all_serve(release, live.answers):
        progress = Progress.COMPLETE
    else:
        progress = Progress.FAILED if late else Progress.PROGRESSING
    return replace(
        live, progress=progress, uniform=live.uniform and none_differs(release, live.answers)
    )


def until_next_look(memory: RolloutMemory, live: LiveDeployment, clock: Clock) -> float | None:
    """Return in how many seconds to ask the pods again; Kubernetes tells when they get ready."""
    if live.answers:
        return LOOK_AGAIN_SECONDS
    return clock.seconds_left(memory.swap) if memory.swap else None
