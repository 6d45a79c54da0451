"""Plans a model's rollout from what lives, and records what failed."""

from __future__ import annotations

from datetime import UTC, datetime

from perennial_core.identity import Version
from perennial_core.registry import Failure, Registry
from perennial_core.resource import PredictionModel
from perennial_core.settings import RegistrySettings
from perennial_operator.build.deployment import build_settings_template
from perennial_operator.build.metadata import selector
from perennial_operator.cache import Cache
from perennial_operator.cluster import Cluster
from perennial_operator.decide.rollout import (
    Phase,
    RolloutMemory,
    RolloutPlan,
    Wish,
    plan_rollout,
    without_settings,
)
from perennial_operator.kinds import DEPLOYMENT, MODEL_VERSION, Body, ObjectRef
from perennial_operator.observe import (
    live_deployment,
    live_release,
    pod_problem,
    rollout_memory,
    with_remedy,
)
from perennial_operator.predictors import Predictors
from perennial_operator.problems import Problems
from perennial_operator.registry_state import RegistryReader
from perennial_operator.settings import OperatorSettings
from perennial_operator.state import RegistryState, Trouble
from perennial_operator.versions import asked_decisions


class Rollouts:
    """Knows the next step of each model's rollout."""

    def __init__(
        self,
        cluster: Cluster,
        cache: Cache,
        registry: Registry,
        predictors: Predictors,
        settings: OperatorSettings,
        registry_settings: RegistrySettings,
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._registry = registry
        self._predictors = predictors
        self._reader = RegistryReader(registry)
        self._settings = settings
        self._registry_settings = registry_settings

    async def plan(
        self, model: PredictionModel, problems: Problems
    ) -> tuple[RegistryState | None, RolloutPlan]:
        """Return what the registry says of the model, if it answers, and what should be done."""
        memory = rollout_memory(model)
        registry = await self._read(model, memory, problems)
        plan = self._plan(model, memory, registry)
        if plan.failed_release is not None:
            version = plan.failed_release.version
            if await self._record_failure(model, version, problems):
                registry = await self._read(model, memory, problems)
                plan = self._plan(model, memory, registry)
        return registry, await self._explained(model, memory, plan, problems)

    def deployment(self, model: PredictionModel) -> Body | None:
        """Return the model's Deployment as it lives."""
        ref = ObjectRef(DEPLOYMENT.name, model.metadata.namespace, model.metadata.name)
        return self._cache.owned(model.key, ref)

    async def _read(
        self, model: PredictionModel, memory: RolloutMemory, problems: Problems
    ) -> RegistryState | None:
        with problems.of_registry():
            bodies = self._cache.owned_of_kind(model.key, MODEL_VERSION.name)
            state = await self._reader.read(model, memory, asked_decisions(bodies, model))
            if problem := state.judgement.problem:
                problems.add(Trouble.REGISTRY_REFUSED, problem)
            return state
        return None

    def _plan(
        self, model: PredictionModel, memory: RolloutMemory, registry: RegistryState | None
    ) -> RolloutPlan:
        deployment, proven = self.deployment(model), memory.proven
        deadline = model.spec.rollout.progress_deadline_seconds
        settings = build_settings_template(model, self._settings, self._registry_settings)
        return plan_rollout(
            Wish(registry.target if registry else live_release(deployment), settings),
            memory,
            live_deployment(deployment),
            blame=registry is not None and self._reader.answered_for(deadline),
            lost=bool(registry and proven and not registry.retains(proven.release)),
        )

    async def _record_failure(
        self, model: PredictionModel, version: Version, problems: Problems
    ) -> bool:
        """Return whether the registry knows of it now: only then there is a way back."""
        failure = Failure(
            reason="ProgressDeadlineExceeded",
            message=f"version {version} failed to roll out: {await self._why_not_ready(model)}",
            at=datetime.now(UTC),
            generation=model.metadata.generation,
        )
        with problems.of_registry():
            await self._registry.record_failure(model.key, version, failure)
            return True
        return False

    async def _explained(
        self, model: PredictionModel, memory: RolloutMemory, plan: RolloutPlan, problems: Problems
    ) -> RolloutPlan:
        """Say what the pods say of a failure."""
        if plan.phase is Phase.STUCK:
            problems.add(Trouble.ROLLOUT_FAILED, await self._why_not_ready(model))
        if plan.memory.failed_settings not in (None, memory.failed_settings):
            return without_settings(plan, await self._why_not_ready(model))
        return plan

    async def _why_not_ready(self, model: PredictionModel) -> str:
        labels = selector(model, "predictor")
        pods = await self._cluster.pods(
            model.metadata.namespace, ",".join(f"{key}={value}" for key, value in labels.items())
        )
        deadline = model.spec.rollout.progress_deadline_seconds
        why = pod_problem(pods) or "the pods say nothing"
        why = with_remedy(why, "spec.serving.resources.limits.memory")
        return f"not all pods became ready within {deadline} s: {why}"
