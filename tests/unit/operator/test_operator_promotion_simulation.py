"""What a source offers gets to the target, whatever happens and in whatever order."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st
from operator_models import Body, read_model

from perennial_core.identity import Digest, Version
from perennial_core.promotion import Withheld
from perennial_core.registry import RunOutcome
from perennial_operator.build.deployment import Release
from perennial_operator.decide.training import LastRun, Source, TrainingMemory, plan_training

SPEC: Body = {"promotion": {"from": {"namespace": "staging", "name": "points"}}}
NOTHING = Withheld("staging/points serves no version yet", refused=False)


@dataclass
class World:
    """A source, the operator's memory, and the Jobs of the target."""

    offered: Release | Withheld = NOTHING
    suspended: bool = False
    memory: TrainingMemory = field(default_factory=TrainingMemory)
    last_run: LastRun | None = None
    remembered: LastRun | None = None
    """The last run as the model's status knows it."""
    waiting: list[str] = field(default_factory=list)
    """Jobs that have not run yet."""
    jobs: set[str] = field(default_factory=set)
    """The causes of all Jobs: there is one of each name."""
    taken: Release | None = None
    latest: int = 0
    tries: int = 0

    def reconcile(self, *, crashes: bool = False) -> None:
        """Start what is planned; a crash comes before it is remembered."""
        origin = {**SPEC["promotion"]["from"], "suspend": self.suspended}
        model = read_model({"promotion": {"from": origin}})
        plan = plan_training(model, self.memory, None, self.remembered, self.source())
        if plan.cause is not None and plan.cause not in self.jobs:
            self.jobs.add(plan.cause)
            self.waiting.append(plan.cause)
        if not crashes:
            self.memory, self.remembered = plan.memory, self.last_run

    def source(self) -> Source:
        return Source(self.offered, self.taken, Version(self.latest) if self.latest else None)

    def run(self, *, fails: bool = False) -> None:
        """Run the oldest Job: it takes what is offered then, or what is asked for."""
        if not self.waiting:
            return
        cause = self.waiting.pop(0)
        self.tries += 1
        if isinstance(self.offered, Release) and self.offered != self.taken and not fails:
            self.taken = self.offered
            self.latest += 1
        outcome = RunOutcome.FAILED if fails else RunOutcome.PUBLISHED
        self.last_run = LastRun(f"{cause} {self.tries}", outcome, "", "")


RELEASES = st.integers(1, 3).map(lambda v: Release(Version(v), Digest(f"sha256:{v}")))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("offer"), RELEASES | st.just(NOTHING)),
        st.tuples(st.sampled_from(["reconcile", "crash", "run", "suspend", "resume"]), st.none()),
    ),
    max_size=30,
)

V1, V2 = (Release(Version(v), Digest(f"sha256:{v}")) for v in (1, 2))
FLAPPING: list[tuple[str, Release | Withheld | None]] = [
    *(("offer", V1), ("reconcile", None), ("offer", V2), ("run", None)),
    *(("offer", V1), ("reconcile", None), ("offer", V2), ("run", None)),
]
"""The source goes on while each run starts, and back when it has ended."""


def take(world: World, step: str, offered: Release | Withheld | None) -> None:
    """Take a step; the operator hears of the end of runs and offers, of new offers maybe late."""
    match step:
        case "offer" if offered is not None:
            world.offered = offered
            if offered == NOTHING:
                world.reconcile()
        case "reconcile":
            world.reconcile()
        case "crash":
            world.reconcile(crashes=True)
        case "run":
            world.run()
            world.reconcile()
        case "suspend" | "resume":
            world.suspended = step == "suspend"


def settle(world: World) -> None:
    world.suspended = False
    for _ in range(3):
        world.reconcile()
        while world.waiting:
            world.run()


@settings(max_examples=1000)
@example(FLAPPING, V1)
@given(STEPS, RELEASES)
def test_what_is_offered_in_the_end_is_taken_over_in_the_end(
    steps: list[tuple[str, Release | Withheld | None]], last: Release
) -> None:
    world = World()
    for step, offered in steps:
        take(world, step, offered)
    world.offered = last
    settle(world)

    assert world.taken == last


@given(STEPS)
def test_one_offer_starts_one_run_whatever_comes_of_it(
    steps: list[tuple[str, Release | Withheld | None]],
) -> None:
    world = World()
    for step, offered in steps:
        take(world, step, offered)
    settle(world)
    started = len(world.jobs)
    for _ in range(5):
        world.reconcile(crashes=True)
        world.reconcile()
        world.run(fails=True)

    assert len(world.jobs) == started


def test_a_crash_starts_no_second_run() -> None:
    world = World(offered=Release(Version(1), Digest("sha256:1")))
    for crashes in (True, True, False, False):
        world.reconcile(crashes=crashes)

    assert len(world.jobs) == 1
