"""How far a version is on its way to the predictor: pure functions."""

from __future__ import annotations

from dataclasses import dataclass

from perennial_core.identity import Version
from perennial_core.registry import Failure


@dataclass(frozen=True)
class Rollout:
    """What the controller saw of the predictor."""

    incumbent: Version | None = None
    """The version that the predictor answered with last."""
    target: Version | None = None
    """The version that it should get to and has not yet."""
    since: float = 0.0
    """When it was told to, in seconds of the monotonic clock."""

    def seen(self, *, serving: Version | None, answering: Version | None, now: float) -> Rollout:
        """Return the rollout after another look.

        A version that has answered once has rolled out: that the predictor crashes later is not
        held against it.

        Args:
            serving: The version that should serve.
            answering: The version that the predictor answers with; None: it does not answer.
            now: Seconds of the monotonic clock.
        """
        incumbent = self.incumbent if answering is None else answering
        if serving is None or serving == incumbent:
            return Rollout(incumbent)
        since = self.since if serving == self.target else now
        return Rollout(incumbent, serving, since)

    def overdue(self, *, deadline: float, now: float) -> bool:
        """Say whether the target should have answered by now; ``deadline`` is in seconds."""
        return self.target is not None and now - self.since >= deadline


@dataclass(frozen=True)
class Pin:
    """The version that a person pinned, if any, and since when."""

    version: Version | None = None
    generation: int = 0
    """The resource's generation at that time, so that later edits do not count as another pin."""

    def seen(self, version: Version | None, generation: int) -> Pin:
        """Return the pin after another look at the resource."""
        return self if version == self.version and self.generation else Pin(version, generation)


def is_news(failure: Failure | None, generation: int) -> bool:
    """Say whether a version failed anew since it was pinned at this generation."""
    return failure is None or failure.generation < generation
