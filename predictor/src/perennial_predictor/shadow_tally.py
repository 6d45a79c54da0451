"""What the shadow's versions answered, for Prometheus."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING

from perennial_predictor.comparison import Comparison

if TYPE_CHECKING:
    from prometheus_client import Metric


class Outcome(StrEnum):
    """What came of one copied request."""

    SAME = "same"
    DIFFERENT = "different"
    FAILED = "failed"
    """The shadow did not answer, not in time, or not with predictions."""
    DROPPED = "dropped"
    """It was not sent: too many were under way, or nothing listened a moment ago."""


class ShadowTally:
    """Counts by the version with which the shadow answered; "" where it named none."""

    def __init__(self) -> None:
        self._answers: Counter[tuple[str, Outcome]] = Counter()
        self._rows: Counter[str] = Counter()
        self._differences: defaultdict[str, float] = defaultdict(float)

    def compared(self, version: str, comparison: Comparison) -> None:
        self._answers[version, Outcome.SAME if comparison.same else Outcome.DIFFERENT] += 1
        if comparison.difference is not None:
            self._rows[version] += comparison.rows
            self._differences[version] += comparison.difference

    def failed(self, version: str = "") -> None:
        self._answers[version, Outcome.FAILED] += 1

    def dropped(self) -> None:
        self._answers["", Outcome.DROPPED] += 1

    def families(self) -> Iterator[Metric]:
        """Yield what was counted, for Prometheus."""
        from prometheus_client.core import CounterMetricFamily, SummaryMetricFamily

        answers = CounterMetricFamily(
            "perennial_shadow_answers",
            "Requests copied to the shadow, by its version and what came of it.",
            labels=["version", "outcome"],
        )
        for (version, outcome), number in self._answers.items():
            answers.add_metric([version, outcome], number)
        difference = SummaryMetricFamily(
            "perennial_shadow_difference",
            "Absolute differences between a regressor's predictions and its shadow's.",
            labels=["version"],
        )
        for version, rows in self._rows.items():
            difference.add_metric([version], rows, self._differences[version])
        yield from (answers, difference)
