"""Predictors that a test plays, for pods that no node takes: they load what they should serve."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace

from operator_models import Body

from perennial_core.errors import Outage
from perennial_core.identity import ModelKey
from perennial_core.registry import Registry, Serving
from perennial_operator.kinds import MODEL_LABEL
from perennial_operator.observe import is_ready, told_release
from perennial_operator.pod_report import PodReport

PROBLEM = "the artifact is no model"


class PlayedPredictors:
    """Each ready pod serves what it is told to, or follows the registry, unless it cannot.

    Args:
        registry: Whom those follow that are told no version.
    """

    def __init__(self, registry: Registry) -> None:
        self.can_load: Callable[[Body, Serving], bool] = lambda pod, version: True
        self.count: Callable[[Body, PodReport], PodReport] = lambda pod, report: report
        """Adds to a report what the pod counted."""
        self.registry = registry
        self._serving: dict[str, Serving] = {}
        """What each pod, by its uid, answers with."""

    async def reports(self, pods: Iterable[Body]) -> tuple[PodReport, ...]:
        return tuple([await self._report(pod) for pod in pods if is_ready(pod)])

    async def problem(self, pods: Iterable[Body]) -> str | None:
        said = await self.reports(pods)
        return PROBLEM if any(report.has_problem for report in said) else None

    async def _report(self, pod: Body) -> PodReport:
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        wanted = await self._wanted(pod)
        if wanted is not None and self.can_load(pod, wanted):
            self._serving[uid] = wanted
        report = PodReport(name, uid, has_problem=self._serving.get(uid) != wanted)
        if uid in self._serving:
            serving = self._serving[uid]
            report = replace(report, version=serving.version, digest=serving.digest)
        return self.count(pod, report)

    async def _wanted(self, pod: Body) -> Serving | None:
        if told := told_release(pod):
            return Serving(version=told.version, digest=told.digest)
        metadata = pod["metadata"]
        key = ModelKey(metadata["namespace"], metadata["labels"][MODEL_LABEL])
        with suppress(Outage):
            return await self.registry.serving(key)
        return self._serving.get(metadata["uid"])
