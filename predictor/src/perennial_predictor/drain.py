"""When a process that was told to end may end: a pure rule with a start time."""

from __future__ import annotations

from dataclasses import dataclass

_FINISHING_SHARE = 0.2
"""Share of the longest time that is kept for requests in flight when no more are accepted."""


@dataclass
class Drain:
    """The end of a predictor's life.

    A Service goes on sending for a while after a pod was told to end, so new connections are
    accepted for at least ``min_seconds``. Then it ends when no connection is open, at the latest
    after ``max_seconds``.
    """

    min_seconds: float
    max_seconds: float
    began: float | None = None
    """Clock time at which it began; None before."""

    @property
    def under_way(self) -> bool:
        return self.began is not None

    def begin(self, now: float) -> None:
        self.began = now

    def accepts_no_more(self, now: float, connections: int) -> bool:
        """Return whether it is time to close the listening socket."""
        if self.began is None:
            return False
        elapsed = now - self.began
        if elapsed >= self.max_seconds * (1 - _FINISHING_SHARE):
            return True
        return elapsed >= self.min_seconds and connections == 0

    def finishing_seconds(self, now: float) -> float:
        """Return how long requests in flight may still take."""
        return max(0.0, self.max_seconds - (now - (self.began or now)))
