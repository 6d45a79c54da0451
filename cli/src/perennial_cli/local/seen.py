"""What a local model's registry and predictor tell of it: pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from perennial_cli.local.asked_run import AskedRun
from perennial_cli.local.predictor import Readiness
from perennial_cli.local.resource_file import LocalModel
from perennial_cli.next_command import next_command
from perennial_cli.views import ConditionView, ModelView, RunView, VersionView
from perennial_core.decisions import Choice, Rules, Ruling, State, choose, rule
from perennial_core.identity import Version
from perennial_core.manifest import Manifest
from perennial_core.registry import Run, RunOutcome, Snapshot
from perennial_core.report import told_how_to_approve, version_status
from perennial_core.resource.rollout import Strategy

NOT_RUNNING = "no perennial run is at work"


@dataclass(frozen=True)
class Seen:
    """A local model, as of one look."""

    local: LocalModel
    snapshot: Snapshot
    manifests: Mapping[Version, Manifest]
    readiness: Readiness | None
    """What the predictor says of itself; None: no run is at work."""
    asked: AskedRun | None = None
    """The run that a person asked for last."""
    asked_record: Run | None = None
    """What came of it; None: it has not ended."""
    options: tuple[str, ...] = ()
    """Those by which commands find the model."""

    @property
    def serving(self) -> Version | None:
        """The version that answers, or else the one that should."""
        if self.readiness is not None and self.readiness.version is not None:
            return self.readiness.version
        serving = self.snapshot.serving
        failed = serving is not None and serving.version in self.snapshot.failures
        return None if serving is None or failed else serving.version

    @property
    def incumbent(self) -> Version | None:
        """The same, where the registry knows of it: one that lost its data numbers anew."""
        return None if self.snapshot.serving is None else self.serving

    def rulings(self) -> dict[Version, Ruling]:
        """Return what is to be said of each version, newest first."""
        rulings = rule(
            manifests=self.manifests,
            decisions=self.snapshot.decisions,
            failures=self.snapshot.failures,
            incumbent=self.incumbent,
            rules=Rules.of(self.local.model.spec),
        )
        return {v: told_how_to_approve(it, self._approve(v)) for v, it in rulings.items()}

    def _approve(self, version: Version) -> str:
        name = self.local.model.metadata.name
        return next_command("approve", name, "--version", str(version), *self.options)

    def choice(self) -> Choice:
        """Return the version that should serve."""
        pinned = self.local.model.spec.rollout.pinned_version
        return choose(
            retained=self.manifests,
            decisions=self.snapshot.decisions,
            failures=self.snapshot.failures,
            incumbent=self.incumbent,
            pinned=None if pinned is None else Version(pinned),
            generation=self.local.generation,
        )


def version_views(seen: Seen) -> list[VersionView]:
    """Return what is known of the retained versions, newest first."""
    key, gate = seen.local.model.key, seen.local.model.spec.gate
    views = []
    for version, ruling in seen.rulings().items():
        decision = seen.snapshot.decisions.get(version)
        status = version_status(gate, seen.manifests[version], ruling, decision)
        names = {"namespace": key.namespace, "model": key.name, "version": version}
        views.append(VersionView.model_validate(status | names))
    return views


def model_view(seen: Seen) -> ModelView:
    """Return what is known of the model."""
    key, spec, rulings = seen.local.model.key, seen.local.model.spec, seen.rulings()
    conditions = [_ready(seen), _trained(seen), _gated(seen, rulings), _rolled_out(seen)]
    conditions.append(_degraded(seen))
    wrong = [item for item in conditions if item.type == "Degraded" and item.status == "True"]
    waits = [item for item in conditions if item.type == "Ready" and item.status != "True"]
    return ModelView(
        namespace=key.namespace,
        name=key.name,
        ready=not waits,
        serving=seen.serving,
        latest=seen.snapshot.latest,
        gate=conditions[2].reason,
        strategy=Strategy.HOT_SWAP,
        cluster_strategy=spec.rollout.strategy,
        pinned_version=spec.rollout.pinned_version,
        awaiting_approval=sorted(
            version
            for version, ruling in rulings.items()
            if ruling.state is State.AWAITING_APPROVAL
        ),
        message=next((item.message for item in (*wrong, *waits)), ""),
        generation=seen.local.generation,
        conditions=conditions,
        last_run=_told(seen.snapshot.last_run),
        requested=seen.asked.value if seen.asked else None,
        requested_run=_requested_run(seen),
    )


def _condition(seen: Seen, kind: str, holds: bool, reason: str, message: str) -> ConditionView:
    return ConditionView(
        type=kind,
        status=str(holds),
        reason=reason,
        message=message,
        observed_generation=seen.local.generation,
    )


def _ready(seen: Seen) -> ConditionView:
    if seen.readiness is None:
        return _condition(seen, "Ready", False, "NotRunning", NOT_RUNNING)
    version, wanted = seen.readiness.version, seen.choice().version
    if version is not None and version == wanted:
        return _condition(seen, "Ready", True, "Serving", f"version {version} answers")
    if wanted is None:
        return _condition(seen, "Ready", False, "NoVersion", "no version is approved yet")
    text = seen.readiness.problem or seen.readiness.reason or f"changing to version {wanted}"
    return _condition(seen, "Ready", False, "RollingOut", text)


def _rolled_out(seen: Seen) -> ConditionView:
    ready = _ready(seen)
    if ready.status == "True":
        return _condition(seen, "RolledOut", True, "RolledOut", ready.message)
    return _condition(seen, "RolledOut", False, ready.reason, ready.message)


def _requested_run(seen: Seen) -> RunView | None:
    if seen.asked is None:
        return None
    return _told(seen.asked_record) or RunView(run_id=seen.asked.run_id)


def _told(run: Run | None) -> RunView | None:
    if run is None:
        return None
    return RunView(run_id=run.run_id, outcome=run.outcome, message=run.message, ended=run.ended)


def _trained(seen: Seen) -> ConditionView:
    run = seen.snapshot.last_run
    if run is None:
        return _condition(seen, "Trained", False, "NoRun", "no run has ended yet")
    failed = run.outcome is RunOutcome.FAILED
    return _condition(seen, "Trained", not failed, f"Run{run.outcome}", run.message)


def _gated(seen: Seen, rulings: Mapping[Version, Ruling]) -> ConditionView:
    latest = seen.snapshot.latest
    if latest is None or latest not in rulings:
        return _condition(seen, "Gated", False, "NoVersion", "no version is published yet")
    if decision := seen.snapshot.decisions.get(latest):
        text = f"version {latest} was {decision.verdict.lower()} by {decision.by}"
        approved = decision.verdict == "Approved"
        return _condition(seen, "Gated", approved, str(decision.verdict), text)
    ruling = rulings[latest]
    return _condition(
        seen, "Gated", False, str(ruling.state), f"version {latest}: {ruling.message}"
    )


def _degraded(seen: Seen) -> ConditionView:
    choice, run, latest = seen.choice(), seen.snapshot.last_run, seen.snapshot.latest
    failure = seen.snapshot.failures.get(latest) if latest else None
    if choice.problem is not None:
        return _condition(seen, "Degraded", True, "PinNotHeld", choice.problem)
    if run is not None and run.outcome is RunOutcome.FAILED:
        return _condition(seen, "Degraded", True, "RunFailed", run.message)
    if failure is not None and latest != seen.serving:
        return _condition(seen, "Degraded", True, "RolloutFailed", failure.message)
    return _condition(seen, "Degraded", False, "AsExpected", "nothing is wrong")
