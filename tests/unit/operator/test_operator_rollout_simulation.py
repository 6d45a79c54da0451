"""Rollouts against a simulated Deployment controller, whatever happens and in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from builders import NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial_core.decisions import choose
from perennial_core.identity import Digest, Version
from perennial_core.registry import Answer, Decision, Failure
from perennial_operator.build.deployment import Release, follows, settings_hash
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
from perennial_operator.kinds import Body

BAD_VERSIONS = {3, 4, 6}
BAD_SETTINGS = {"b", "d"}
ENOUGH_STEPS = 60
DEADLINE = timedelta(seconds=60)
RELEASE_VARIABLES = ("PERENNIAL_DIGEST", "PERENNIAL_VERSION")

APPROVED = Decision(verdict=Answer.APPROVED, by="the gate", reason="it passed", at=NOW)


def template(name: str, *, hot: bool = False) -> Body:
    """Return a pod template; a hot one has no place for a release, and follows the registry."""
    told = [] if hot else [{"name": variable, "value": ""} for variable in RELEASE_VARIABLES]
    container = {"name": "predictor", "env": [*told, {"name": "SETTINGS", "value": name}]}
    return {"metadata": {"labels": {}}, "spec": {"containers": [container]}}


def release(number: int, epoch: int) -> Release:
    return Release(Version(number), Digest(f"sha256:{epoch:032}{number:032}"))


@dataclass
class World:
    """The cluster, the registry and the operator's memory of one model."""

    now: datetime = NOW
    wanted: str = "a"
    hot: bool = False
    """Whether the strategy is HotSwap."""
    pin: Pin | None = None
    generation: int = 1
    epoch: int = 0
    """Rises when the registry loses its data, and counts versions anew."""
    versions: dict[Version, Release] = field(default_factory=dict)
    failures: dict[Version, Failure] = field(default_factory=dict)
    serving: Release | None = None
    """What the registry names to pods that follow it."""
    answers: bool = True
    answers_seen: bool = True
    """Whether the operator took a step since the registry answers."""
    answers_long_enough: bool = True
    """Whether the pods had the time of a deadline since then."""
    replicas: int = 1
    memory: RolloutMemory = field(default_factory=RolloutMemory)
    deployed: Attempt | None = None
    progress: Progress = Progress.PROGRESSING
    complete: set[str] = field(default_factory=set)
    """Templates that were once seen complete."""
    pods: dict[str, list[Release | None]] = field(default_factory=dict)
    """What pods that follow answer with, by their template; None: they are not ready."""
    answered: set[Release] = field(default_factory=set)
    """What all of them answered with at some time."""
    given_up: set[Release] = field(default_factory=set)

    def seen(self) -> tuple[object, ...]:
        """Return all that may still change."""
        pods = {of: tuple(answers) for of, answers in self.pods.items()}
        state = (self.deployed, self.progress, self.memory, self.serving)
        return (*state, pods, dict(self.failures))

    # What people, trainers and outages do

    def publish(self) -> None:
        if self.answers:
            number = Version(max(self.versions, default=0) + 1)
            self.versions[number] = release(number, self.epoch)

    def edit(self, name: str) -> None:
        self.wanted = name
        self.generation += 1

    def change_strategy(self) -> None:
        self.hot = not self.hot
        self.generation += 1

    def pin_to(self, number: int | None) -> None:
        self.generation += 1
        if number is None:
            self.pin = None
        elif self.pin is None or self.pin.version != number:
            self.pin = Pin(Version(number), self.generation)
            self.given_up -= {self.versions[v] for v in self.versions if v == number}

    def lose_data(self) -> None:
        self.versions, self.failures, self.serving, self.epoch = {}, {}, None, self.epoch + 1

    def scale(self, replicas: int) -> None:
        self.replicas = replicas
        self.progress = Progress.UNOBSERVED

    def delete_deployment(self) -> None:
        self.deployed, self.pods = None, {}

    # The Deployment controller

    def control(self, patient: bool) -> None:
        """Take a step: pods get ready where they can; where not, the deadline passes."""
        if self.answers and self.answers_seen and not patient:
            self.answers_long_enough = True
        self.now += timedelta(seconds=1) if patient else DEADLINE
        if self.deployed is None:
            return
        self._control_pods(everywhere=not patient)
        if self.replicas == 0:
            self.progress, self.pods = Progress.SCALED_TO_ZERO, {}
        elif self._works(self.deployed):
            self.progress = Progress.COMPLETE
            self.complete.add(content_hash(self.deployed.template))
            self.pods = {h: pods for h, pods in self.pods.items() if h == self._hash()}
        else:
            self.progress = Progress.PROGRESSING if patient else Progress.FAILED

    def _control_pods(self, everywhere: bool) -> None:
        """Let pods that follow change to what the registry names: all of them, or the first."""
        assert self.deployed is not None
        if follows(self.deployed.template):
            self.pods.setdefault(self._hash(), [None, None])
        able = self.serving is not None and self.serving.version not in BAD_VERSIONS
        if able and self.answers and self.serving in self.versions.values():
            for pods in self.pods.values():
                pods[:] = [self.serving, self.serving if everywhere else pods[1]]
        if all_answers := set(self.answers_of_pods()):
            self.answered |= all_answers if len(all_answers) == 1 else set()

    def answers_of_pods(self) -> list[Release]:
        if self.deployed is None or not follows(self.deployed.template):
            return []
        return [answer for pods in self.pods.values() for answer in pods if answer is not None]

    def _hash(self) -> str:
        assert self.deployed is not None
        return content_hash(self.deployed.template)

    def _works(self, attempt: Attempt) -> bool:
        name = settings_name(attempt)
        if follows(attempt.template):
            return name not in BAD_SETTINGS and None not in self.pods[self._hash()]
        loadable = self.answers and attempt.release in self.versions.values()
        runs_already = content_hash(attempt.template) in self.complete
        able = attempt.release.version not in BAD_VERSIONS and name not in BAD_SETTINGS
        return able and (loadable or runs_already)

    # The operator

    def reconcile(self, *, crashes: bool = False) -> RolloutPlan:
        """Take a step as the Reconciler does; one that crashes forgets what it did not store."""
        plan = self._plan()
        self.answers_seen = self.answers
        if plan.failed_release is not None:
            version = plan.failed_release.version
            assert version in BAD_VERSIONS, "only a version that cannot start is to blame"
            self.given_up.add(plan.failed_release)
            self.failures[version] = Failure(
                reason="r", message="m", at=NOW, generation=self.generation
            )
            plan = self._plan()
            assert plan.failed_release is None
        self._apply(plan)
        self._name(plan)
        if not crashes:
            self._remember(plan.memory)
        return plan

    def _name(self, plan: RolloutPlan) -> None:
        """Tell the registry what serves."""
        attempt = plan.attempt
        if attempt is None or not follows(attempt.template):
            attempt = plan.memory.proven
        if self.answers and attempt is not None and attempt.release in self.versions.values():
            self.serving = attempt.release

    def _remember(self, memory: RolloutMemory) -> None:
        if memory.proven is not None and follows(memory.proven.template):
            assert memory.proven.release in self.answered, "what is proven was so"
        elif memory.proven is not None:
            assert content_hash(memory.proven.template) in self.complete, "what is proven was so"
        if memory.failed_settings is not None:
            bad = [settings_hash(template(name, hot=self.hot)) for name in BAD_SETTINGS]
            assert memory.failed_settings in bad, "only settings that cannot run are to blame"
            assert memory.failed_settings == settings_hash(self._wanted())
        self.memory = memory

    def _plan(self) -> RolloutPlan:
        proven, target = self.memory.proven, self._under_way()
        if self.answers:
            choice = choose(
                retained=list(self.versions),
                decisions=dict.fromkeys(self.versions, APPROVED),
                failures=self.failures,
                incumbent=proven.release.version if proven else None,
                pinned=self.pin.version if self.pin else None,
                generation=self.pin.generation if self.pin else 0,
            )
            target = self.versions.get(choice.version) if choice.version else None
        return plan_rollout(
            Wish(target, self._wanted()),
            self.memory,
            self._live(),
            clock=Clock(self.now, DEADLINE),
            named=self.serving if self.answers else target,
            blame=self.answers_long_enough,
            lost=self.answers
            and proven is not None
            and proven.release not in self.versions.values(),
        )

    def _wanted(self) -> Body:
        return template(self.wanted, hot=self.hot)

    def _under_way(self) -> Release | None:
        if self.memory.swap is not None:
            return self.memory.swap.release
        told = self.deployed is not None and not follows(self.deployed.template)
        return self.deployed.release if self.deployed and told else None

    def _live(self) -> LiveDeployment | None:
        if self.deployed is None:
            return None
        return LiveDeployment(
            content_hash(self.deployed.template),
            self.progress,
            uniform=self.progress is Progress.COMPLETE or set(self.pods) == {self._hash()},
            replicas=self.replicas,
            ready=self.replicas,
            answers=self.answers_of_pods(),
        )

    def _apply(self, plan: RolloutPlan) -> None:
        if plan.attempt is None or plan.attempt == self.deployed:
            return
        self._check(plan.attempt, plan.memory)
        if self.deployed is None or self.deployed.template != plan.attempt.template:
            self.progress = Progress.UNOBSERVED
        self.deployed = plan.attempt

    def _check(self, attempt: Attempt, memory: RolloutMemory) -> None:
        """What holds of every template that is ever applied."""
        proven = memory.proven
        if proven is None:
            return
        if attempt == proven:
            return
        same_settings = settings_hash(attempt.template) == settings_hash(proven.template)
        assert same_settings or attempt.release == proven.release, "one cause for each failure"
        # pods that follow try what the registry names, which takes no other name while it is away
        tried = self.answers or not follows(attempt.template)
        assert not tried or attempt.release not in self.given_up, "a failed version is tried once"
        assert settings_hash(attempt.template) != memory.failed_settings, "nor are settings"


def settings_name(attempt: Attempt) -> str:
    env = attempt.template["spec"]["containers"][0]["env"]
    (name,) = [item["value"] for item in env if item["name"] == "SETTINGS"]
    return str(name)


def step(world: World, number: int, crashes: bool) -> None:
    world.control(patient=number < 3)
    world.reconcile(crashes=crashes)


def answer(world: World, answers: bool) -> None:
    if answers != world.answers:
        world.answers_seen = world.answers_long_enough = False
    world.answers = answers


EFFECTS: dict[str, Callable[[World, int], None]] = {
    "publish": lambda world, _: world.publish(),
    "edit": lambda world, number: world.edit("abcd"[number % 4]),
    "strategy": lambda world, _: world.change_strategy(),
    "pin": lambda world, number: world.pin_to(number or None),
    "away": lambda world, _: answer(world, False),
    "back": lambda world, _: answer(world, True),
    "lose": lambda world, _: world.lose_data(),
    "scale": lambda world, number: world.scale(number % 3),
    "delete": lambda world, _: world.delete_deployment(),
    "step": lambda world, number: step(world, number, crashes=False),
    "crash": lambda world, number: step(world, number, crashes=True),
}


def happen(world: World, event: Event) -> None:
    kind, number = event
    EFFECTS[kind](world, number)


Event = tuple[str, int]
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([*EFFECTS, *12 * ["step"], *4 * ["publish", "back"]]), st.integers(0, 7)
    ),
    min_size=30,
    max_size=60,
)


def settle(world: World) -> RolloutPlan:
    """Let everything come to rest, and return the last plan."""
    for _ in range(ENOUGH_STEPS):
        before = world.seen()
        world.control(patient=False)
        plan = world.reconcile()
        if before == world.seen():
            return plan
    raise AssertionError("it never comes to rest")


@settings(max_examples=70, deadline=None)
@given(EVENTS)
def test_whatever_happens_it_settles_on_what_is_proven_or_says_that_nothing_works(
    events: list[Event],
) -> None:
    world = World()
    for event in events:
        happen(world, event)
    answer(world, True)
    world.scale(1)

    plan = settle(world)

    if plan.phase is Phase.ROLLED_OUT:
        assert world.deployed == world.memory.proven == plan.attempt
        assert plan.attempt is not None
        assert set(world.answers_of_pods()) <= {plan.attempt.release}
    elif plan.phase is Phase.NOTHING_TO_SERVE:
        assert not world.versions or world.pin is not None
        assert world.memory.proven is None
    elif plan.phase is Phase.STUCK:
        assert world.memory.proven is None or world.deployed == world.memory.proven
    else:
        assert plan.phase is Phase.ROLLING_OUT, f"it rests in {plan.phase}"
        assert world.hot, "only pods that follow depend on the registry"
        assert world.serving not in world.versions.values(), "what they should follow is lost"
        return
    assert world.reconcile() == plan, "at rest it stays at rest"


def test_pods_that_lost_what_they_follow_agree_again_with_the_next_version() -> None:
    world = World(hot=True)
    world.publish()
    settle(world)
    world.publish()
    world.reconcile()
    world.control(patient=True)  # one of the pods has changed
    world.lose_data()
    assert settle(world).phase is Phase.ROLLING_OUT

    world.publish()

    assert settle(world).phase is Phase.ROLLED_OUT
    assert world.answers_of_pods() == [release(1, 1), release(1, 1)]


@settings(max_examples=70, deadline=None)
@given(EVENTS)
def test_once_something_works_the_best_that_works_serves_in_the_end(events: list[Event]) -> None:
    world = World()
    world.publish()
    settle(world)
    for event in events:
        if event[0] not in ("lose", "pin"):
            happen(world, event)
    world.pin_to(None)
    answer(world, True)
    world.scale(1)

    plan = settle(world)

    assert plan.phase is Phase.ROLLED_OUT
    assert world.deployed is not None
    able = [version for version in world.versions if version not in BAD_VERSIONS]
    assert world.deployed.release.version == max(able)
    wanted = world.wanted
    if follows(world.deployed.template):
        assert world.answers_of_pods() == [world.deployed.release, world.deployed.release]
    if wanted not in BAD_SETTINGS:
        assert settings_name(world.deployed) == wanted
        assert follows(world.deployed.template) is world.hot
    else:
        assert world.memory.failed_settings == settings_hash(template(wanted, hot=world.hot))


def test_a_pin_tries_a_failed_version_once_more() -> None:
    world = World()
    for _ in range(3):
        world.publish()
        settle(world)
    assert set(world.failures) == {3}
    world.pin_to(3)

    again = world.reconcile()
    settle(world)
    world.edit("a")  # such as a change of spec.serving.replicas
    settle(world)

    assert again.attempt is not None
    assert again.attempt.release == release(3, 0)
    assert world.deployed is not None
    assert world.deployed.release == release(2, 0)
