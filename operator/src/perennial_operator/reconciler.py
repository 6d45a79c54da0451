"""Brings the cluster to what a model's resource and its registry say: one way for every cause."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from perennial_core.errors import Outage, UserError
from perennial_core.identity import ModelKey
from perennial_core.registry import Failure, Registry, RegistryUnavailable, Serving
from perennial_core.registry.retention import expired
from perennial_core.resource import PredictionModel
from perennial_core.settings import RegistrySettings
from perennial_operator.applier import Applier
from perennial_operator.build.cron_job import build_cron_job
from perennial_operator.build.deployment import build_deployment, build_settings_template
from perennial_operator.build.job import build_job
from perennial_operator.build.metadata import selector
from perennial_operator.build.secret import build_registry_secret
from perennial_operator.build.service import build_service
from perennial_operator.build.service_account import build_service_account
from perennial_operator.build.training_order import build_training_order
from perennial_operator.cache import Cache
from perennial_operator.cluster import Cluster
from perennial_operator.decide.rollout import Phase, RolloutMemory, RolloutPlan, plan_rollout
from perennial_operator.decide.training import TrainingMemory, plan_training
from perennial_operator.finalizer import Finalizer
from perennial_operator.kinds import CRON_JOB, DEPLOYMENT, JOB, Body, ObjectRef
from perennial_operator.observe import (
    is_running,
    live_deployment,
    live_release,
    pod_problem,
    rollout_memory,
    training_memory,
)
from perennial_operator.registry_state import RegistryReader
from perennial_operator.reporter import Reporter
from perennial_operator.runs import RunReader
from perennial_operator.settings import OperatorSettings
from perennial_operator.state import ModelState, Problem, RegistryState, Trouble


class Reconciler:
    """Observes, decides, builds, applies and reports, for one model at a time."""

    def __init__(
        self,
        cluster: Cluster,
        cache: Cache,
        registry: Registry,
        settings: OperatorSettings,
        registry_settings: RegistrySettings,
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._registry = registry
        self._settings = settings
        self._registry_settings = registry_settings
        self._applier = Applier(cluster, cache)
        self._finalizer = Finalizer(cluster, cache, registry, self._applier)
        self._reader = RegistryReader(registry)
        self._reporter = Reporter(cluster, cache, settings.identity)
        self._runs = RunReader(cluster, cache)

    async def reconcile(self, key: ModelKey) -> None:
        """Bring the cluster to what the model's resource and its registry say.

        Raises:
            Outage: Something does not answer; the model should be tried again soon.
        """
        raw = self._cache.model(key)
        if raw is None:
            return
        try:
            model = PredictionModel.parse(raw)
        except UserError as error:
            await self._reporter.refuse(raw, Problem(Trouble.INVALID_SPEC, str(error)))
            return
        if model.metadata.deletion_timestamp is not None:
            await self._finalize(raw, model)
            return
        await self._finalizer.hold(model)
        await self._advance(model)

    async def _finalize(self, raw: Body, model: PredictionModel) -> None:
        try:
            await self._finalizer.finalize(model)
        except RegistryUnavailable as error:
            text = f"the deletion waits for the registry, to remove the versions there: {error}"
            await self._reporter.refuse(raw, Problem(Trouble.REGISTRY_UNAVAILABLE, text))
            raise

    async def _advance(self, model: PredictionModel) -> None:
        outage: Outage | None = None
        problems: list[Problem] = []
        memory = rollout_memory(model)
        try:
            registry = await self._read_registry(model, memory, problems)
        except Outage as error:
            outage, registry = error, None
            text = f"{error}; what serves goes on serving"
            problems.append(Problem(Trouble.REGISTRY_UNAVAILABLE, text))
        plan = await self._plan(model, memory, registry, problems)
        training = await self._apply_training(model, problems)
        await self._apply_serving(model, plan, problems)
        if registry is not None:
            await self._settle(model, plan, registry)
        state = ModelState(
            training=training,
            last_run=await self._runs.last_run(model, registry),
            running=any(map(is_running, self._cache.owned_of_kind(model.key, JOB.name))),
            registry=registry,
            live=live_deployment(self._deployment(model)),
            plan=plan,
            problems=tuple(problems),
        )
        await self._reporter.report(model, state)
        if outage is not None:
            raise outage

    async def _read_registry(
        self, model: PredictionModel, memory: RolloutMemory, problems: list[Problem]
    ) -> RegistryState | None:
        incumbent = memory.proven.release.version if memory.proven else None
        try:
            return await self._reader.read(model, incumbent)
        except UserError as error:
            problems.append(Problem(Trouble.REGISTRY_REFUSED, str(error)))
            return None

    async def _plan(
        self,
        model: PredictionModel,
        memory: RolloutMemory,
        registry: RegistryState | None,
        problems: list[Problem],
    ) -> RolloutPlan:
        deployment = self._deployment(model)
        deadline = model.spec.rollout.progress_deadline_seconds
        plan = plan_rollout(
            target=registry.target if registry else live_release(deployment),
            settings_template=build_settings_template(
                model, self._settings, self._registry_settings
            ),
            memory=memory,
            live=live_deployment(deployment),
            blame=registry is not None and self._reader.answered_for(deadline),
        )
        if plan.failed_release is not None:
            await self._record_failure(model, plan)
        if plan.phase is Phase.STUCK:
            problems.append(Problem(Trouble.ROLLOUT_FAILED, await self._why_not_ready(model)))
        if plan.memory.failed_settings not in (None, memory.failed_settings):
            text = f"spec.serving: {await self._why_not_ready(model)}; the settings before serve on"
            return replace(plan, memory=replace(plan.memory, failure=text))
        return plan

    async def _record_failure(self, model: PredictionModel, plan: RolloutPlan) -> None:
        assert plan.failed_release is not None
        version = plan.failed_release.version
        why = await self._why_not_ready(model)
        failure = Failure(
            reason="ProgressDeadlineExceeded",
            message=f"version {version} failed to roll out: {why}",
            at=datetime.now(UTC),
            generation=model.metadata.generation,
        )
        await self._registry.record_failure(model.key, version, failure)

    async def _why_not_ready(self, model: PredictionModel) -> str:
        labels = selector(model, "predictor")
        pods = await self._cluster.pods(
            model.metadata.namespace, ",".join(f"{key}={value}" for key, value in labels.items())
        )
        deadline = model.spec.rollout.progress_deadline_seconds
        why = pod_problem(pods) or "the pods say nothing"
        return f"no pod became ready within {deadline} s: {why}"

    async def _apply_training(
        self, model: PredictionModel, problems: list[Problem]
    ) -> TrainingMemory:
        memory = training_memory(model)
        plan = plan_training(model, memory)
        cron_job = build_cron_job(model, self._settings)
        wanted = [*self._shared(model), build_training_order(model), cron_job]
        try:
            await self._applier.apply(model.key, [body for body in wanted if body is not None])
            if cron_job is None:
                await self._delete_cron_job(model)
            if plan.cause is not None:
                await self._applier.start(build_job(model, self._settings, plan.cause))
        except UserError as error:
            problems.append(Problem(Trouble.API_REFUSED, str(error)))
            return memory
        return plan.memory

    async def _delete_cron_job(self, model: PredictionModel) -> None:
        for body in self._cache.owned_of_kind(model.key, CRON_JOB.name):
            await self._applier.delete(body)

    async def _apply_serving(
        self, model: PredictionModel, plan: RolloutPlan, problems: list[Problem]
    ) -> None:
        wanted = [*self._shared(model), build_service(model)]
        if plan.attempt is not None:
            wanted.append(build_deployment(model, plan.attempt.template))
        try:
            await self._applier.apply(model.key, wanted)
        except UserError as error:
            problems.append(Problem(Trouble.API_REFUSED, str(error)))

    async def _settle(
        self, model: PredictionModel, plan: RolloutPlan, registry: RegistryState
    ) -> None:
        """Tell the registry what serves, and let go of versions that nothing needs."""
        releases = [plan.attempt, plan.memory.proven]
        protected = {attempt.release.version for attempt in releases if attempt is not None}
        if registry.choice.version is not None:
            protected.add(registry.choice.version)
        if plan.memory.proven is not None:
            proven = plan.memory.proven.release
            serving = Serving(version=proven.version, digest=proven.digest)
            if registry.snapshot.serving != serving:
                await self._registry.set_serving(model.key, serving)
        limit = model.spec.rollout.history_limit
        if expired(registry.snapshot.versions, limit=limit, protected=protected):
            await self._registry.retain(model.key, limit=limit, protected=protected)

    def _shared(self, model: PredictionModel) -> list[Body]:
        return [
            build_service_account(model),
            build_registry_secret(model, self._registry_settings),
        ]

    def _deployment(self, model: PredictionModel) -> Body | None:
        ref = ObjectRef(DEPLOYMENT.name, model.metadata.namespace, model.metadata.name)
        return self._cache.owned(model.key, ref)
