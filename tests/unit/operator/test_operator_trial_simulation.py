"""Trials and rollouts together on simulated pods, whatever happens and in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from builders import NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial_core.decisions import choose
from perennial_core.identity import Digest, ModelKey, Version
from perennial_core.registry import Answer, Decision, Failure
from perennial_core.resource.rollout import RolloutSpec, Strategy
from perennial_operator.build.deployment import Release
from perennial_operator.build.metadata import content_hash
from perennial_operator.decide.rollout import (
    Attempt,
    Clock,
    LiveDeployment,
    Phase,
    Pin,
    Progress,
    RolloutMemory,
    RolloutPlan,
    Wish,
)
from perennial_operator.decide.rollout_plan import plan_rollout
from perennial_operator.decide.serving import plan_serving, stable_pods
from perennial_operator.decide.trial import Look, Situation, TrialPlan
from perennial_operator.decide.trial_record import TRIALS, TrialState
from perennial_operator.decide.trial_steps import step_of
from perennial_operator.decide.window import Window
from perennial_operator.kinds import Body

WORSE = {3, 5, 8}
"""Versions that do badly in their trial."""
BROKEN = {4, 8}
"""Versions whose pods do not become ready."""
ENOUGH_STEPS = 80
APPROVED = Decision(verdict=Answer.APPROVED, by="the gate", reason="it passed", at=NOW)


def template(name: str) -> Body:
    env = [
        {"name": "SETTINGS", "value": name},
        {"name": "PERENNIAL_VERSION", "value": "0"},
        {"name": "PERENNIAL_DIGEST", "value": ""},
    ]
    container = {"name": "predictor", "env": env}
    return {"metadata": {"labels": {}}, "spec": {"containers": [container]}}


def release(number: int) -> Release:
    return Release(Version(number), Digest(f"sha256:{number:064}"))


@dataclass
class World:
    """The cluster, the registry and the operator's memory of one model."""

    wanted: str = "a"
    strategy: Strategy = Strategy.CANARY
    pin: Pin | None = None
    generation: int = 1
    replicas: int = 2
    versions: list[Version] = field(default_factory=list)
    failures: dict[Version, Failure] = field(default_factory=dict)
    answers: bool = True
    traffic: bool = True
    memory: RolloutMemory = field(default_factory=RolloutMemory)
    deployed: Attempt | None = None
    progress: Progress = Progress.PROGRESSING
    complete: set[str] = field(default_factory=set)
    tried: tuple[Release, int] | None = None
    """What the pods of the trial have, and how many they are."""
    watched: tuple[Release, int] | None = None
    """The step that the operator has looked at, since it began or the operator did."""
    held: float = 0
    unready: float = 0

    @property
    def rollout(self) -> RolloutSpec:
        pinned = self.pin.version if self.pin else None
        return RolloutSpec(strategy=self.strategy, pinned_version=pinned)

    # What people, trainers and outages do

    def publish(self) -> None:
        if self.answers:
            self.versions.append(Version(len(self.versions) + 1))

    def edit(self, name: str) -> None:
        self.wanted = name
        self.generation += 1

    def take(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self.generation += 1

    def pin_to(self, number: int) -> None:
        self.generation += 1
        self.pin = Pin(Version(number), self.generation) if number else None

    def scale(self, replicas: int) -> None:
        self.replicas = replicas
        self.progress = Progress.UNOBSERVED

    # The Deployment controller, and time

    def control(self, seconds: float) -> None:
        self.held += seconds
        self.unready += seconds
        if self.deployed is None:
            return
        if self.replicas == 0:
            self.progress = Progress.SCALED_TO_ZERO
        elif self.deployed.release.version in BROKEN:
            self.progress = Progress.FAILED
        elif self.answers or content_hash(self.deployed.template) in self.complete:
            self.progress = Progress.COMPLETE
            self.complete.add(content_hash(self.deployed.template))
        else:
            self.progress = Progress.PROGRESSING

    # The operator

    def reconcile(self, *, crashes: bool = False) -> RolloutPlan:
        """Take a step as the Reconciler does; one that crashes forgets what it did not store."""
        plan, trial = self._plan()
        failed = plan.failed_release or (trial.failed.release if trial and trial.failed else None)
        if failed is not None:
            assert failed.version in WORSE | BROKEN, "only a version that is worse is to blame"
            text = Failure(reason="r", message="m", at=NOW, generation=self.generation)
            self.failures[failed.version] = text
            plan, trial = self._plan()
        self._apply(plan, trial)
        if not crashes:
            self.memory = plan.memory
        else:
            self.watched = None  # an operator that starts anew measures anew
        return plan

    def _plan(self) -> tuple[RolloutPlan, TrialPlan | None]:
        if not self.answers:
            return self._towards(
                self.deployed.release if self.deployed else None, self.memory
            ), None
        proven, trial = self.memory.proven, self.memory.trial
        choice = choose(
            retained=self.versions,
            decisions=dict.fromkeys(self.versions, APPROVED),
            failures=self.failures,
            incumbent=proven.release.version if proven else None,
            pinned=self.pin.version if self.pin else None,
            generation=self.pin.generation if self.pin else 0,
        )
        failure = self.failures.get(trial.release.version) if trial else None
        situation = Situation(
            model=ModelKey("shop", "points"),
            rollout=self.rollout,
            replicas=self.replicas,
            wish=release(choice.version) if choice.version else None,
            stable=stable_pods(self.memory, self._towards, lost=False),
            approved=True,
            failure=failure.message if failure else None,
            look=self._look(),
            blame=True,
            now="",
        )
        return plan_serving(situation, self.memory, self._towards)

    def _towards(self, wish: Release | None, memory: RolloutMemory) -> RolloutPlan:
        live = None
        if self.deployed is not None:
            live = LiveDeployment(
                content_hash(self.deployed.template),
                self.progress,
                uniform=self.progress is Progress.COMPLETE,
                replicas=self.replicas,
                ready=self.replicas,
            )
        return plan_rollout(
            Wish(wish, template(self.wanted)),
            memory,
            live,
            clock=Clock(NOW, timedelta(seconds=300)),
            named=wish,
            blame=self.answers,
            lost=False,
        )

    def _look(self) -> Look | None:
        trial = self.memory.trial
        if trial is None or not trial.is_undecided:
            return None
        if self.watched != (trial.release, trial.step):
            self.watched, self.held, self.unready = (trial.release, trial.step), 0, 0
        step = step_of(trial, self.rollout, self.replicas)
        if self.tried != (trial.release, step.pods):
            self.unready = 0
        version = trial.release.version
        ready = self.tried == (trial.release, step.pods) and version not in BROKEN
        counted = Window(requests=100) if self.traffic else Window()
        errors = 90 if version in WORSE and self.traffic else 0
        mine = Window(requests=counted.requests, errors=errors)
        return Look(ready, self.unready, self.held if ready else 0, counted, mine)

    def _apply(self, plan: RolloutPlan, trial: TrialPlan | None) -> None:
        if trial is not None:
            remembered = trial.trial
            assert trial.pods == 0 or remembered is not None
            tried = (remembered.release, trial.pods) if remembered and trial.pods else None
            self.tried = tried
        if plan.attempt is not None and plan.attempt != self.deployed:
            self._check(plan.attempt)
            self.deployed, self.progress = plan.attempt, Progress.UNOBSERVED

    def _check(self, attempt: Attempt) -> None:
        """What holds of every template that is ever applied."""
        proven, trial = self.memory.proven, self.memory.trial
        if proven is None or attempt.release == proven.release:
            return
        version = attempt.release.version
        if self.pin is not None and self.pin.version == version:
            return
        assert version not in self.failures, "a version that failed stays back"
        if self.strategy in TRIALS and version > proven.release.version and self.answers:
            assert trial is not None, "a newer version is tried first"
            assert (trial.release, trial.state) == (attempt.release, TrialState.PASSED)


def step(world: World, number: int, crashes: bool) -> None:
    world.control(seconds=number * 100)
    world.reconcile(crashes=crashes)


EFFECTS: dict[str, Callable[[World, int], None]] = {
    "publish": lambda world, _: world.publish(),
    "edit": lambda world, number: world.edit("ab"[number % 2]),
    "strategy": lambda world, number: world.take(
        (*TRIALS, Strategy.CANARY, Strategy.ROLLING_UPDATE)[number % 4]
    ),
    "pin": lambda world, number: world.pin_to(number),
    "unpin": lambda world, _: world.pin_to(0),
    "away": lambda world, _: setattr(world, "answers", False),
    "back": lambda world, _: setattr(world, "answers", True),
    "traffic": lambda world, number: setattr(world, "traffic", number > 2),
    "scale": lambda world, number: world.scale(number % 3),
    "step": lambda world, number: step(world, number, crashes=False),
    "crash": lambda world, number: step(world, number, crashes=True),
}
Event = tuple[str, int]
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([*EFFECTS, *14 * ["step"], *3 * ["publish", "back", "unpin"]]),
        st.integers(0, 7),
    ),
    min_size=30,
    max_size=80,
)


def settle(world: World) -> RolloutPlan:
    """Let everything come to rest, and return the last plan."""
    for _ in range(ENOUGH_STEPS):
        before = replace(world, failures=dict(world.failures))
        world.control(seconds=400)
        plan = world.reconcile()
        if replace(before, held=world.held, unready=world.unready) == world:
            return plan
    raise AssertionError("it never comes to rest")


def at_last(events: list[Event]) -> World:
    """Return the world after these events, once nothing stands in the way any more."""
    world = World()
    world.publish()
    settle(world)
    for kind, number in events:
        EFFECTS[kind](world, number)
    world.answers = world.traffic = True
    world.pin_to(0)
    world.scale(2)
    return world


@settings(max_examples=150, deadline=None)
@given(EVENTS)
def test_whatever_happens_the_newest_version_that_is_not_worse_serves_in_the_end(
    events: list[Event],
) -> None:
    world = at_last(events)
    world.take(Strategy.CANARY)
    served = world.memory.proven

    plan = settle(world)

    assert plan.phase is Phase.ROLLED_OUT
    assert world.deployed is not None
    assert world.memory.proven == world.deployed
    assert world.tried is None
    able = [version for version in world.versions if version not in WORSE | BROKEN]
    kept = [] if served is None else [served.release.version]  # such as by a pin, without a trial
    assert world.deployed.release.version in {max(able), max([*able, *kept])}
    assert world.reconcile() == plan, "at rest it stays at rest"


@settings(max_examples=100, deadline=None)
@given(EVENTS)
def test_what_serves_is_left_alone_while_a_version_is_on_trial(events: list[Event]) -> None:
    world = World()
    world.publish()
    settle(world)
    for kind, number in events:
        EFFECTS[kind](world, number)
        trial, proven = world.memory.trial, world.memory.proven
        if kind == "step" and world.answers and trial is not None and trial.is_undecided:
            assert world.deployed == proven


def test_a_version_that_fails_its_trial_never_serves_and_the_next_is_tried() -> None:
    world = World()
    for _ in range(4):
        world.publish()
        settle(world)

    assert set(world.failures) == {3, 4}
    assert world.deployed is not None
    assert world.deployed.release == release(2)
    world.publish()
    world.publish()
    settle(world)
    assert set(world.failures) == {3, 4}, "version 5 was passed over by a newer one"
    assert world.deployed.release == release(6)


def test_a_pin_rolls_a_version_out_that_failed_its_trial() -> None:
    world = World()
    for _ in range(3):
        world.publish()
        settle(world)
    world.pin_to(3)

    settle(world)

    assert world.deployed is not None
    assert world.deployed.release == release(3)
