"""Which version should serve: one pure function, for the operator and for local mode."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from perennial_core.identity import Version
from perennial_core.registry.records import Failure


@dataclass(frozen=True)
class Choice:
    """The version that should serve, or why there is none to go to."""

    version: Version | None
    """None: nothing can be served yet."""
    problem: str | None = None
    """What only the user can repair, naming the field; ``version`` may serve meanwhile."""


def choose(
    *,
    retained: Collection[Version],
    failures: Mapping[Version, Failure],
    incumbent: Version | None,
    pinned: Version | None,
    generation: int,
) -> Choice:
    """Return the version that should serve.

    The newest retained version that has not failed serves; a pin holds its version. A failed
    version is not tried again by itself: only a pin set after the failure tries it once more.

    Args:
        retained: The versions in the registry.
        failures: Versions whose rollout failed.
        incumbent: The version that serves now.
        pinned: ``spec.rollout.pinnedVersion``.
        generation: The resource's generation when the version was pinned; it rises with each change
            of the spec.
    """
    if pinned is None:
        # one that serves, by a pin after its failure, has proven itself
        able = (v for v in retained if v == incumbent or v not in failures)
        return Choice(max(able, default=incumbent))
    if pinned not in retained:
        known = ", ".join(map(str, sorted(retained))) or "none"
        return Choice(
            incumbent,
            f"spec.rollout.pinnedVersion: version {pinned} is not retained; retained: {known}",
        )
    failure = failures.get(pinned)
    if failure is not None and failure.generation >= generation and pinned != incumbent:
        return Choice(
            incumbent,
            f"spec.rollout.pinnedVersion: version {pinned} failed to roll out: {failure.message}",
        )
    return Choice(pinned)
