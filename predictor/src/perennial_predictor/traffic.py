"""How many requests were answered, and how long that took.

It is counted on the event loop alone, so it needs none of the locks and label look-ups of
prometheus_client's own counters, which take as long as to read a request.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Metric

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_BOUNDS = [*map(str, _SECONDS), "+Inf"]


class _Latency:
    """How long the answers of one route took."""

    def __init__(self) -> None:
        self.numbers = [0] * len(_BOUNDS)
        """Of the answers that took longer than the bound before, and no longer than this."""
        self.total = 0.0

    def buckets(self) -> Iterator[tuple[str, float]]:
        """Yield for each bound how many took no longer, as Prometheus has it."""
        return zip(_BOUNDS, accumulate(self.numbers), strict=True)


class Traffic:
    """Requests by route and status, and a histogram of seconds for each route."""

    def __init__(self) -> None:
        self._requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._latencies: defaultdict[str, _Latency] = defaultdict(_Latency)

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count one answer. ``route`` must be one of few."""
        self._requests[route, status] += 1
        latency = self._latencies[route]
        latency.numbers[bisect_left(_SECONDS, seconds)] += 1
        latency.total += seconds

    def families(self) -> Iterator[Metric]:
        """Yield what was counted, for Prometheus."""
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        requests = CounterMetricFamily(
            "perennial_requests", "Requests answered.", labels=["route", "status"]
        )
        for (route, status), number in self._requests.items():
            requests.add_metric([route, str(status)], number)
        latencies = HistogramMetricFamily(
            "perennial_request_duration_seconds",
            "Time from the request's head to the end of its answer.",
            labels=["route"],
        )
        for route, latency in self._latencies.items():
            latencies.add_metric([route], list(latency.buckets()), latency.total)
        yield from (requests, latencies)
