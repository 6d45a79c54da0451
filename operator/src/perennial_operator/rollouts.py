"""Plans a model's rollout from what lives, and records what failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from perennial_core.identity import Version
from perennial_core.registry import Failure, Registry
from perennial_core.resource import PredictionModel
from perennial_core.settings import RegistrySettings
from perennial_operator.build.deployment import Release, build_settings_template, follows
from perennial_operator.build.metadata import selector
from perennial_operator.cache import Cache
from perennial_operator.cluster import Cluster
from perennial_operator.decide.rollout import (
    Clock,
    LiveDeployment,
    Phase,
    RolloutMemory,
    RolloutPlan,
    Wish,
)
from perennial_operator.decide.rollout_plan import plan_rollout, without_settings
from perennial_operator.decide.serving import plan_serving, stable_pods
from perennial_operator.decide.trial import Look, TrialPlan
from perennial_operator.kinds import DEPLOYMENT, MODEL_VERSION, Body, ObjectRef
from perennial_operator.observe import (
    answered_release,
    live_deployment,
    live_release,
    pod_problem,
    rollout_memory,
    with_remedy,
)
from perennial_operator.pod_report import PodReport
from perennial_operator.predictors import Predictors
from perennial_operator.problems import Problems
from perennial_operator.registry_state import RegistryReader
from perennial_operator.settings import OperatorSettings
from perennial_operator.state import RegistryState, Trouble
from perennial_operator.trials import Trials, situation
from perennial_operator.versions import asked_decisions

SILENT = "the pods say nothing"


class Rollouts:
    """Knows the next step of each model's rollout."""

    def __init__(
        self,
        cluster: Cluster,
        cache: Cache,
        registry: Registry,
        predictors: Predictors,
        trials: Trials,
        settings: OperatorSettings,
        registry_settings: RegistrySettings,
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._registry = registry
        self._predictors = predictors
        self._trials = trials
        self._reader = RegistryReader(registry)
        self._settings = settings
        self._registry_settings = registry_settings

    async def plan(
        self, model: PredictionModel, problems: Problems
    ) -> tuple[RegistryState | None, RolloutPlan, TrialPlan | None]:
        """Return what the registry says of the model, if it answers, and what should be done: about
        its Deployment, and about a trial unless that is not known now."""
        memory = rollout_memory(model)
        registry = await self._read(model, memory, problems)
        live = await self.live(model, problems)
        look = await self._trials.look(model, memory, problems)
        plan, trial = self._plan(model, memory, registry, live, look)
        failed = await self._failed(model, plan, trial)
        if failed is not None and await self._record_failure(model, *failed, problems):
            registry = await self._read(model, memory, problems)
            plan, trial = self._plan(model, memory, registry, live, look)
        return registry, await self._explained(model, memory, plan, problems), trial

    async def live(self, model: PredictionModel, problems: Problems) -> LiveDeployment | None:
        """Return the model's Deployment as it lives; pods that follow the registry are asked."""
        body, reports = self.deployment(model), tuple[PodReport, ...]()
        if body is not None and follows(body["spec"]["template"]):
            with problems.of_cluster():
                reports = await self._predictors.reports(await self._pods(model))
        return live_deployment(body, tuple(map(answered_release, reports)))

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
        self,
        model: PredictionModel,
        memory: RolloutMemory,
        registry: RegistryState | None,
        live: LiveDeployment | None,
        look: Look | None,
    ) -> tuple[RolloutPlan, TrialPlan | None]:
        proven, deadline = memory.proven, model.spec.rollout.progress_deadline_seconds
        settings = build_settings_template(model, self._settings, self._registry_settings)
        blame = registry is not None and self._reader.answered_for(deadline)
        lost = bool(registry and proven and not registry.retains(proven.release))
        now = datetime.now(UTC)

        def towards(release: Release | None, memory: RolloutMemory) -> RolloutPlan:
            return plan_rollout(
                Wish(release, settings),
                memory,
                live,
                clock=Clock(now, timedelta(seconds=deadline)),
                named=registry.named if registry else release,
                blame=blame,
                lost=lost,
            )

        if registry is None:
            return towards(self._release_under_way(model, memory), memory), None
        stable = stable_pods(memory, towards, lost=lost)
        asked = situation(model, registry, memory.trial, stable, look, now, blame=blame)
        return plan_serving(asked, memory, towards)

    def _release_under_way(self, model: PredictionModel, memory: RolloutMemory) -> Release | None:
        """Return what the pods were told last, for what is wanted now is not known."""
        return memory.swap.release if memory.swap else live_release(self.deployment(model))

    async def _failed(
        self, model: PredictionModel, plan: RolloutPlan, trial: TrialPlan | None
    ) -> tuple[Version, str, str] | None:
        """Return the version that just failed, the reason and why, for people; None: none did."""
        if (release := plan.failed_release) is not None:
            why = await self._why_late(model, release)
            text = f"version {release.version} failed to roll out: {why}"
            return release.version, "ProgressDeadlineExceeded", text
        if trial is None or trial.failed is None or trial.trial is None:
            return None
        failed, text = trial.failed, trial.failed.message
        if failed.unready:
            text += f": {await self._trials.why_unready(model, trial.trial) or SILENT}"
        return failed.release.version, failed.reason, text

    async def _record_failure(
        self, model: PredictionModel, version: Version, reason: str, why: str, problems: Problems
    ) -> bool:
        """Return whether the registry knows of it now: only then there is a way back."""
        failure = Failure(
            reason=reason,
            message=why,
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
        settings_failed = plan.memory.failed_settings not in (None, memory.failed_settings)
        if plan.attempt is None or not (settings_failed or plan.phase is Phase.STUCK):
            return plan
        why = await self._why_late(model, plan.attempt.release)
        if settings_failed:
            return without_settings(plan, why)
        problems.add(Trouble.ROLLOUT_FAILED, why)
        return plan

    async def _why_late(self, model: PredictionModel, release: Release) -> str:
        pods = await self._pods(model)
        deployment = self.deployment(model)
        deadline = model.spec.rollout.progress_deadline_seconds
        what = "became ready"
        why = await self._predictors.problem(pods) or pod_problem(pods)
        if deployment is not None and follows(deployment["spec"]["template"]):
            what = f"answered with version {release.version}"
            why = why or await self._who_is_silent(pods)
        why = with_remedy(why or SILENT, "spec.serving.resources.limits.memory")
        return f"not all pods {what} within {deadline} s: {why}"

    async def _who_is_silent(self, pods: list[Body]) -> str | None:
        for report in await self._predictors.reports(pods):
            if report.version is None:
                return f"the operator gets no answer from pod {report.name} on /metrics"
        return None

    async def _pods(self, model: PredictionModel) -> list[Body]:
        labels = selector(model, "predictor")
        return await self._cluster.pods(
            model.metadata.namespace, ",".join(f"{key}={value}" for key, value in labels.items())
        )
