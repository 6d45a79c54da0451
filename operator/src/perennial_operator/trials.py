"""Looks at the pods of a trial and at those that serve; applies and removes a trial's objects."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from perennial_core.identity import ModelKey
from perennial_core.report import timestamp
from perennial_core.resource import PredictionModel
from perennial_operator.applier import Applier
from perennial_operator.build.deployment import Release
from perennial_operator.build.metadata import content_hash, selector
from perennial_operator.build.trial import (
    build_trial,
    component_of,
    trial_name,
    trial_names,
    trial_template,
)
from perennial_operator.cache import Cache
from perennial_operator.cluster import Cluster
from perennial_operator.decide.rollout import Attempt, LiveDeployment, Progress, RolloutMemory
from perennial_operator.decide.trial import Look, Situation, Stable, TrialPlan
from perennial_operator.decide.trial_record import Trial
from perennial_operator.decide.trial_steps import step_of
from perennial_operator.decide.window import Meter
from perennial_operator.kinds import DEPLOYMENT, SERVICE, Body, ObjectRef
from perennial_operator.observe import answered_release, live_deployment, pod_problem
from perennial_operator.pod_report import PodReport
from perennial_operator.predictors import Predictors
from perennial_operator.problems import Problems
from perennial_operator.state import RegistryState


@dataclass
class _Watch:
    """One step of a trial, since this operator first looked at it; in seconds of its clock."""

    release: Release
    step: int
    pods: int
    waiting_since: float
    """When the pods were last all ready, or began to be waited for."""
    held_since: float | None = None
    stable: Meter = field(default_factory=Meter)
    trial: Meter = field(default_factory=Meter)

    def is_of(self, trial: Trial) -> bool:
        return (self.release, self.step) == (trial.release, trial.step)


class Trials:
    """What the decisions on trials stand on, and what comes of them."""

    def __init__(
        self, cluster: Cluster, cache: Cache, applier: Applier, predictors: Predictors
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._applier = applier
        self._predictors = predictors
        self._watches: dict[ModelKey, _Watch] = {}

    async def look(
        self, model: PredictionModel, memory: RolloutMemory, problems: Problems
    ) -> Look | None:
        """Return how the pods of a trial do that is on; None: there is none to judge."""
        trial, proven = memory.trial, memory.proven
        if trial is None or proven is None or not trial.is_undecided:
            self.forget(model.key)
            return None
        pods = step_of(trial, model.spec.rollout, model.spec.serving.replicas).pods
        watch = self._watch(model.key, trial, pods)
        live = self._live(model, trial)
        ready = live is not None and _is_ready(live, model, trial, proven, pods)
        if ready:
            with problems.of_cluster():
                await self._measure(model, trial, proven.release, watch)
        now = time.monotonic()
        if ready or live is None:
            watch.waiting_since = now
        return Look(
            ready=ready,
            unready_seconds=now - watch.waiting_since,
            held_seconds=now - watch.held_since if watch.held_since is not None else 0.0,
            stable=watch.stable.counted,
            trial=watch.trial.counted,
            silent=watch.stable.is_silent or watch.trial.is_silent,
        )

    async def why_unready(self, model: PredictionModel, trial: Trial) -> str | None:
        """Return what the pods of a trial say."""
        pods = await self._pods(model, component_of(trial.strategy))
        return await self._predictors.problem(pods) or pod_problem(pods)

    async def apply(self, model: PredictionModel, memory: RolloutMemory, plan: TrialPlan) -> None:
        """Bring the objects of a trial to what is wanted, or remove them.

        Raises:
            ClusterRefused: An object is not valid, or belongs to somebody else.
        """
        wanted: list[Body] = []
        if plan.pods and plan.trial is not None and memory.proven is not None:
            serving, trial = memory.proven.template, plan.trial
            wanted = build_trial(model, serving, trial.release, trial.strategy, plan.pods)
        await self._remove_others(model, {ObjectRef.of(body) for body in wanted})
        going = [ref for ref in map(ObjectRef.of, wanted) if self._is_going(model.key, ref)]
        # what goes is waited for: its disappearance asks for this model again
        staying = [body for body in wanted if ObjectRef.of(body) not in going]
        await self._applier.apply(model.key, staying)

    def forget(self, key: ModelKey) -> None:
        """Forget what was seen of a model's pods."""
        self._watches.pop(key, None)

    def _watch(self, key: ModelKey, trial: Trial, pods: int) -> _Watch:
        watch, now = self._watches.get(key), time.monotonic()
        if watch is None or not watch.is_of(trial):
            watch = self._watches[key] = _Watch(trial.release, trial.step, pods, now)
        if watch.pods != pods:
            watch.pods, watch.waiting_since = pods, now
        return watch

    def _live(self, model: PredictionModel, trial: Trial) -> LiveDeployment | None:
        name = trial_name(model.metadata.name, component_of(trial.strategy))
        ref = ObjectRef(DEPLOYMENT.name, model.metadata.namespace, name)
        return None if self._is_going(model.key, ref) else live_deployment(self._get(model, ref))

    def _get(self, model: PredictionModel, ref: ObjectRef) -> Body | None:
        return self._cache.owned(model.key, ref)

    async def _measure(
        self, model: PredictionModel, trial: Trial, incumbent: Release, watch: _Watch
    ) -> None:
        tried = await self._reports(model, component_of(trial.strategy))
        serving = await self._reports(model, "predictor")
        watch.trial = watch.trial.read(_of(trial.release, tried))
        watch.stable = watch.stable.read(_of(incumbent, serving))
        if watch.held_since is None:
            watch.held_since = time.monotonic()

    async def _reports(self, model: PredictionModel, component: str) -> tuple[PodReport, ...]:
        return await self._predictors.reports(await self._pods(model, component))

    async def _pods(self, model: PredictionModel, component: str) -> list[Body]:
        labels = selector(model, component)
        return await self._cluster.pods(
            model.metadata.namespace, ",".join(f"{key}={value}" for key, value in labels.items())
        )

    async def _remove_others(self, model: PredictionModel, wanted: set[ObjectRef]) -> None:
        names = trial_names(model.metadata.name)
        for kind in (DEPLOYMENT, SERVICE):
            for body in self._cache.owned_of_kind(model.key, kind.name):
                ref = ObjectRef.of(body)
                unwanted = ref.name in names and ref not in wanted
                if unwanted and not self._is_going(model.key, ref):
                    await self._applier.delete(model.key, body)

    def _is_going(self, key: ModelKey, ref: ObjectRef) -> bool:
        live = self._cache.owned(key, ref)
        return live is not None and "deletionTimestamp" in live["metadata"]


def situation(
    model: PredictionModel,
    registry: RegistryState,
    trial: Trial | None,
    stable: Stable,
    look: Look | None,
    now: datetime,
    *,
    blame: bool,
) -> Situation:
    """Return what a trial's next step depends on."""
    failure = registry.snapshot.failures.get(trial.release.version) if trial else None
    return Situation(
        model=model.key,
        rollout=model.spec.rollout,
        replicas=model.spec.serving.replicas,
        wish=registry.target,
        stable=stable,
        approved=trial is None or registry.approved(trial.release),
        failure=failure.message if failure else None,
        look=look,
        blame=blame,
        now=timestamp(now),
    )


def _is_ready(
    live: LiveDeployment, model: PredictionModel, trial: Trial, proven: Attempt, pods: int
) -> bool:
    component = component_of(trial.strategy)
    template = trial_template(model, proven.template, trial.release, component)
    as_wanted = live.template_hash == content_hash(template) and live.replicas == pods
    return as_wanted and live.progress is Progress.COMPLETE


def _of(release: Release, reports: Iterable[PodReport]) -> Iterable[PodReport]:
    """Yield the reports of pods that answer with a release, and of those that say nothing."""
    return (report for report in reports if answered_release(report) in (None, release))
