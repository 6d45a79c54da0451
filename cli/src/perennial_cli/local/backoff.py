"""How long to wait before something is tried again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Waits that double from the first to the longest, in seconds."""

    first: float
    longest: float

    def after(self, failures: int) -> float:
        """Return the wait after so many failures in a row, 1 or more."""
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 32))
