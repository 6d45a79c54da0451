"""How far pods that follow the registry are with the release that they should serve."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from perennial_operator.build.deployment import Release

LOOK_AGAIN_SECONDS = 1.0
"""Kubernetes does not tell when pods change their version: they have to be asked."""


@dataclass(frozen=True)
class Swap:
    """A release that the registry tells the pods to change to, and since when that is known."""

    release: Release
    since: datetime


Answers = Collection[Release | None]
"""What each ready pod answers with; None: it does not say."""


def all_serve(release: Release, answers: Answers) -> bool:
    """Return whether there are pods, and all of them say so."""
    return bool(answers) and all(answer == release for answer in answers)


def none_differs(release: Release, answers: Answers) -> bool:
    """Return whether no pod says that it serves another one; a busy pod may say nothing."""
    return all(answer in (None, release) for answer in answers)


def begun(swap: Swap | None, release: Release, now: datetime) -> Swap:
    """Return the swap to this release: the one under way, or one that begins."""
    return swap if swap is not None and swap.release == release else Swap(release, now)
