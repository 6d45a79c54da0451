"""Whatever happens, in whatever order, only a version that earned it ever serves."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping

import pytest
from builders import NOW, manifest_body
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from perennial_core.approval import GATE, Asked, Judgement, incumbent_among, judge
from perennial_core.decisions import Rules, State, choose
from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import Manifest, Metrics
from perennial_core.registry import (
    Answer,
    Decision,
    Failure,
    NotApproved,
    Registry,
    Serving,
    VersionNotFound,
)
from perennial_core.resource.gate import GateSpec, OnFailure
from perennial_core.resource.rollout import Approval, NewerCandidate
from perennial_core.settings import RegistrySettings

SCORES = st.sampled_from([0.1, 0.5, 0.9])
VERSIONS = st.integers(1, 12).map(Version)
RULES = st.builds(
    lambda least, on_failure, approval, newer: Rules(
        GateSpec.model_validate(
            {"metrics": [{"name": "r2", "min": least}], "onFailure": str(on_failure)}
        ),
        approval,
        newer,
        training_spec_hash="h",
    ),
    st.sampled_from(["0", "0.4", "0.8"]),
    st.sampled_from(OnFailure),
    st.sampled_from(Approval),
    st.sampled_from(NewerCandidate),
)
FAILURE = Failure(reason="Deadline", message="no pod became ready", at=NOW)
_numbers = itertools.count()


class ApprovalMachine(RuleBasedStateMachine):
    """A controller that is killed between any two of its steps, and people who decide at any time.

    What each version earned is noted here in words of its own: the score against the bound of the
    gate at the time, and who said yes to a version that waited. A registry that loses its data
    numbers anew, so what was earned is noted by the artifact too.
    """

    def __init__(self, registry_settings: RegistrySettings) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.registry = Registry.from_settings(registry_settings)
        self.key = ModelKey("tests", f"approval-{next(_numbers)}")
        self.spec = Rules(GateSpec(), Approval.AUTOMATIC, NewerCandidate.SUPERSEDE, "h")
        self.scores: dict[Version, float] = {}
        self.earned: set[Serving] = set()
        self.asked: dict[Version, Asked] = {}
        self.waiting: set[Version] = set()
        self.pinned: Version | None = None
        self.generation = 1
        self.incumbent: Serving | None = None
        self.runs = itertools.count()
        self.loop.run(self.registry.purge(self.key))

    def teardown(self) -> None:
        self.loop.run(self.registry.purge(self.key))
        self.loop.run(self.registry.__aexit__(None, None, None))
        self.loop.close()

    @rule(score=SCORES)
    def publish(self, score: float) -> None:
        artifact = b"%f" % score
        body = manifest_body(self.key, artifact, f"run-{next(self.runs)}")
        body = body.changed(metrics=Metrics(candidate={"r2": score}))
        publication = self.loop.run(self.registry.publish(self.key, body, artifact, started=NOW))
        self.scores[publication.version] = score

    @rule(rules=RULES)
    def change_the_rules(self, rules: Rules) -> None:
        self.spec = rules
        self.generation += 1

    @rule(version=st.none() | VERSIONS)
    def pin(self, version: Version | None) -> None:
        self.pinned = version
        self.generation += 1

    @rule(version=VERSIONS, verdict=st.sampled_from(Answer))
    def ask(self, version: Version, verdict: Answer) -> None:
        """A person writes a decision, whether or not the version waits for one."""
        decision = Decision(verdict=verdict, by="alice", reason="looked at it", at=NOW)
        manifests = self._manifests()
        seen = manifests[version].digest if version in manifests else None
        self.asked.setdefault(version, Asked(decision, seen))

    @rule()
    def lose_the_data(self) -> None:
        """What people said and what serves outlives it."""
        self.loop.run(self.registry.purge(self.key))
        self.earned.clear()

    @rule(version=VERSIONS)
    def fail(self, version: Version) -> None:
        self.loop.run(self.registry.record_failure(self.key, version, FAILURE))

    @rule(limit=st.integers(1, 3))
    def retain(self, limit: int) -> None:
        self.loop.run(self.registry.retain(self.key, limit=limit, protected=self.waiting))

    @rule(dies=st.booleans(), rolls_out=st.booleans())
    def reconcile(self, dies: bool, rolls_out: bool) -> None:
        judgement = self._judge()
        if dies:
            return
        snapshot = self.loop.run(self.registry.snapshot(self.key))
        choice = choose(
            retained=judgement.manifests,
            decisions=judgement.decisions,
            failures=snapshot.failures,
            incumbent=self._incumbent(judgement.manifests),
            pinned=self.pinned,
            generation=self.generation,
        )
        chosen = judgement.manifests.get(choice.version) if choice.version else None
        if chosen is not None and rolls_out:
            serving = Serving(version=chosen.version, digest=chosen.digest)
            self.loop.run(self.registry.set_serving(self.key, serving))
            self.incumbent = serving

    @rule(version=VERSIONS)
    def a_confused_controller_says_what_serves(self, version: Version) -> None:
        try:
            manifest = self.loop.run(self.registry.manifest(self.key, version))
        except VersionNotFound:
            return
        serving = Serving(version=version, digest=manifest.digest)
        try:
            self.loop.run(self.registry.set_serving(self.key, serving))
        except NotApproved:
            return
        self.incumbent = serving

    @invariant()
    def what_serves_has_earned_it(self) -> None:
        serving = self.loop.run(self.registry.serving(self.key))
        assert serving is None or serving in self.earned

    @invariant()
    def what_a_person_denied_stays_denied(self) -> None:
        decisions = self.loop.run(self.registry.snapshot(self.key)).decisions
        earned = {serving.version for serving in self.earned}
        for version, decision in decisions.items():
            assert (decision.verdict is Answer.APPROVED) == (version in earned)

    def _judge(self) -> Judgement:
        snapshot = self.loop.run(self.registry.snapshot(self.key))
        manifests = self._manifests()
        incumbent = self._incumbent(manifests)
        judgement = self.loop.run(
            judge(*(self.registry, self.key, snapshot, manifests, incumbent, self.spec, self.asked))
        )
        for version in judgement.decisions.keys() - snapshot.decisions.keys():
            self._note(manifests[version], judgement.decisions[version])
        self.waiting = set(judgement.awaiting)
        for version in self.waiting:
            assert judgement.rulings[version].state is State.AWAITING_APPROVAL
        return judgement

    def _manifests(self) -> dict[Version, Manifest]:
        versions = self.loop.run(self.registry.snapshot(self.key)).versions
        return self.loop.run(self.registry.manifests(self.key, versions))

    def _incumbent(self, manifests: Mapping[Version, Manifest]) -> Version | None:
        decisions = self.loop.run(self.registry.snapshot(self.key)).decisions
        serves = (self.incumbent.version, self.incumbent.digest) if self.incumbent else None
        return incumbent_among(manifests, decisions, serves)

    def _note(self, manifest: Manifest, decision: Decision) -> None:
        """Note what a new decision gives a version, if it was right to make it."""
        version = manifest.version
        said = self.asked.get(version)
        asked = said.decision if said is not None and said.digest == manifest.digest else None
        bounds = [float(metric.min or 0) for metric in self.spec.gate.metrics]
        passes = all(self.scores[version] >= bound for bound in bounds)
        if decision.by == GATE:
            assert passes
            assert self.spec.approval is Approval.AUTOMATIC
            assert asked is None or asked.verdict is Answer.APPROVED
        elif decision.verdict is Answer.DENIED:
            assert decision == asked
        else:
            assert decision == asked
            assert passes or self.spec.gate.on_failure is OnFailure.REVIEW
            assert not (passes and self.spec.approval is Approval.AUTOMATIC)
        if decision.verdict is Answer.APPROVED:
            self.earned.add(Serving(version=version, digest=manifest.digest))


@pytest.mark.parametrize("server", [False], ids=["alone"], indirect=True)
def test_only_what_earned_it_ever_serves(registry_settings: RegistrySettings) -> None:
    class Machine(ApprovalMachine):
        def __init__(self) -> None:
            super().__init__(registry_settings)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
