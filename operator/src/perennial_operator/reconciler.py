"""Brings the cluster to what a model's resource and its registry say: one way for every cause."""

from __future__ import annotations

from perennial_core.errors import UserError
from perennial_core.identity import ModelKey, Version
from perennial_core.registry import (
    Registry,
    RegistryRefused,
    RegistryUnavailable,
    Serving,
    Snapshot,
)
from perennial_core.registry.retention import expired
from perennial_core.resource import PredictionModel
from perennial_core.settings import RegistrySettings
from perennial_operator.applier import Applier
from perennial_operator.build.cron_job import build_cron_job
from perennial_operator.build.deployment import Release, build_deployment, follows
from perennial_operator.build.job import build_job
from perennial_operator.build.order import build_order
from perennial_operator.build.secret import build_registry_secret
from perennial_operator.build.service import build_service
from perennial_operator.build.service_account import build_service_account
from perennial_operator.cache import Cache
from perennial_operator.cluster import Cluster, ClusterRefused, ObjectInvalid
from perennial_operator.decide.rollout import RolloutPlan
from perennial_operator.decide.rollout_plan import without_settings
from perennial_operator.decide.training import (
    Source,
    TrainingMemory,
    TrainingPlan,
    only_when_asked,
    plan_training,
)
from perennial_operator.finalizer import Finalizer
from perennial_operator.kinds import CRON_JOB, JOB, Body
from perennial_operator.observe import is_degraded, is_running, live_deployment, training_memory
from perennial_operator.predictors import Predictors
from perennial_operator.problems import Problems
from perennial_operator.report.versions import told_of_trial
from perennial_operator.reporter import Reporter
from perennial_operator.rollouts import Rollouts
from perennial_operator.runs import RunReader, stored_run
from perennial_operator.settings import OperatorSettings
from perennial_operator.sources import read_source
from perennial_operator.state import ModelState, Problem, RegistryState, Trouble
from perennial_operator.trials import Trials
from perennial_operator.versions import Versions


class Reconciler:
    """Observes, decides, builds, applies and reports, for one model at a time."""

    def __init__(
        self,
        cluster: Cluster,
        cache: Cache,
        registry: Registry,
        predictors: Predictors,
        settings: OperatorSettings,
        registry_settings: RegistrySettings,
    ) -> None:
        self._cache = cache
        self._registry = registry
        self._settings = settings
        self._registry_settings = registry_settings
        self._applier = Applier(cluster, cache)
        self._finalizer = Finalizer(cluster, cache, registry, self._applier)
        self._reporter = Reporter(cluster, cache, settings.identity)
        self._versions = Versions(cluster, cache, self._applier, self._reporter)
        self._trials = Trials(cluster, cache, self._applier, predictors)
        self._rollouts = Rollouts(
            cluster, cache, registry, predictors, self._trials, settings, registry_settings
        )
        self._runs = RunReader(cluster, cache, registry)

    async def reconcile(self, key: ModelKey) -> float | None:
        """Bring the cluster to what the model's resource and its registry say.

        Returns:
            In how many seconds to look again though nothing was heard; None: there is no need.

        Raises:
            Outage: Something does not answer; the model should be tried again soon.
        """
        raw = self._cache.model(key)
        if raw is None:
            self._applier.forget(key)
            self._versions.forget(key)
            self._trials.forget(key)
            return None
        if "deletionTimestamp" in raw["metadata"]:
            await self._finalize(key, raw)
            return None
        try:
            model = PredictionModel.parse(raw)
        except UserError as error:
            await self._reporter.refuse(raw, Problem(Trouble.INVALID_SPEC, str(error)))
            return None
        await self._finalizer.hold(raw, model.spec.deletion_policy)
        return await self._advance(model)

    async def _finalize(self, key: ModelKey, raw: Body) -> None:
        try:
            await self._finalizer.finalize(key, raw)
        except (RegistryUnavailable, RegistryRefused) as error:
            text = (
                f"the deletion waits for the registry, to remove the versions there: {error}; to"
                " leave them there set spec.deletionPolicy to Retain"
            )
            await self._reporter.refuse(raw, Problem(Trouble.REGISTRY_UNAVAILABLE, text))
            raise

    async def _advance(self, model: PredictionModel) -> float | None:
        problems = Problems()
        training, source = training_memory(model), None
        registry, plan, trial = await self._rollouts.plan(model, problems)
        try:
            await self._applier.apply(model.key, self._shared(model), doubt=is_degraded(model))
        except ClusterRefused as error:
            problems.add(Trouble.API_REFUSED, str(error))  # no pod could do without
        else:
            if registry is not None:
                latest = registry.latest
                source = await read_source(self._registry, model, latest, problems)
            training = await self._apply_training(model, registry, source, plan, problems)
            plan = await self._apply_serving(model, plan, problems)
            if trial is not None:
                with problems.of_cluster():
                    await self._trials.apply(model, plan.memory, trial)
        if registry is not None:
            with problems.of_registry():
                removed = await self._settle(model, plan, registry)
                judgement = told_of_trial(registry.judgement, plan.memory.trial_on)
                await self._versions.mirror(model, judgement, removed, problems)
        requested_run = None
        with problems.of_cluster(), problems.of_registry():
            requested_run = await self._runs.requested_run(model, registry, training.requested_run)
        with problems.of_cluster():
            if waiting := await self._runs.why_waiting(model):
                problems.add(Trouble.RUN_WAITS, f"a run cannot start: {waiting}")
        state = ModelState(
            training=training,
            last_run=await self._runs.last_run(model, registry),
            requested_run=requested_run,
            running=any(map(is_running, self._cache.owned_of_kind(model.key, JOB.name))),
            registry=registry,
            live=live_deployment(self._rollouts.deployment(model)),
            plan=plan,
            source=source,
            note=only_when_asked(model),
            problems=tuple(problems.found),
        )
        await self._reporter.report(model, state)
        if problems.outage is not None:
            raise problems.outage
        return plan.look_again

    def _shared(self, model: PredictionModel) -> list[Body]:
        return [
            build_service_account(model, self._registry_settings),
            build_registry_secret(model, self._registry_settings),
        ]

    async def _apply_training(
        self,
        model: PredictionModel,
        registry: RegistryState | None,
        source: Source | None,
        rollout: RolloutPlan,
        problems: Problems,
    ) -> TrainingMemory:
        """Return which runs were started."""
        memory = training_memory(model)
        with problems.of_cluster():
            if (order := build_order(model)) is not None:
                await self._applier.apply(model.key, [order])
            with problems.of_cluster():  # a schedule that is none keeps no other run from starting
                await self._apply_schedule(model)
            plan = _plan_training(model, memory, registry, source, rollout)
            if plan.cause is not None:
                await self._applier.apply(model.key, self._shared(model), doubt=True)
                job = build_job(model, self._settings, plan.cause)
                return plan.started(await self._applier.start(model.key, job))
            return plan.memory
        return memory

    async def _apply_schedule(self, model: PredictionModel) -> None:
        cron_job = build_cron_job(model, self._settings)
        if cron_job is not None:
            await self._applier.apply(model.key, [*self._shared(model), cron_job])
            return
        for body in self._cache.owned_of_kind(model.key, CRON_JOB.name):
            await self._applier.delete(model.key, body)

    async def _apply_serving(
        self, model: PredictionModel, plan: RolloutPlan, problems: Problems
    ) -> RolloutPlan:
        """Return the plan with what is to be remembered of a refusal."""
        with problems.of_cluster():
            await self._applier.apply(model.key, [build_service(model)])
        if plan.attempt is None:
            return plan
        with problems.of_cluster():
            try:
                deployment = build_deployment(model, plan.attempt.template)
                await self._applier.apply(model.key, [*self._shared(model), deployment])
            except ObjectInvalid as error:
                plan = without_settings(plan, str(error))
                raise
        return plan

    async def _settle(
        self, model: PredictionModel, plan: RolloutPlan, registry: RegistryState
    ) -> list[Version]:
        """Tell the registry what serves, and return the versions that it let go."""
        releases = [plan.attempt, plan.memory.proven]
        protected = {attempt.release.version for attempt in releases if attempt is not None}
        protected.update(registry.judgement.awaiting)
        if plan.memory.pin is not None:
            protected.add(plan.memory.pin.version)  # also while it is not held
        if registry.choice.version is not None:
            protected.add(registry.choice.version)
        if plan.memory.trial_on is not None:
            protected.add(plan.memory.trial_on.release.version)
        serves = _to_be_named(plan)
        if serves is not None and serves != registry.named and registry.approved(serves):
            serving = Serving(version=serves.version, digest=serves.digest)
            await self._registry.set_serving(model.key, serving)
        await self._allow(model, registry.snapshot)
        limit = model.spec.rollout.history_limit
        if not expired(registry.snapshot.versions, limit=limit, protected=protected):
            return []
        return await self._registry.retain(model.key, limit=limit, protected=protected)

    async def _allow(self, model: PredictionModel, snapshot: Snapshot) -> None:
        """Tell the registry who may take versions over, for it is asked also from elsewhere."""
        allowed = tuple(model.spec.promotion.allow_to) if model.spec.promotion else ()
        if allowed != snapshot.allowed:
            await self._registry.allow(model.key, allowed)


def _to_be_named(rollout: RolloutPlan) -> Release | None:
    """Return what the registry should say that serves: what rolled out; to pods that follow it,
    what they should change to."""
    attempt = rollout.attempt
    if attempt is None or not follows(attempt.template):
        attempt = rollout.memory.proven
    return attempt.release if attempt is not None else None


def _plan_training(
    model: PredictionModel,
    memory: TrainingMemory,
    registry: RegistryState | None,
    source: Source | None,
    rollout: RolloutPlan,
) -> TrainingPlan:
    if registry is None:
        return TrainingPlan(memory)  # a run could not publish
    lost = _lost(registry, rollout)
    return plan_training(model, memory, lost, stored_run(model), source)


def _lost(registry: RegistryState, rollout: RolloutPlan) -> Release | None:
    """Return the release that serves when the registry has lost all versions."""
    proven = rollout.memory.proven
    return proven.release if proven is not None and not registry.snapshot.versions else None
