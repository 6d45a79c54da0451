"""Which version serves, for every situation that a model can be in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from builders import NOW
from hypothesis import given
from hypothesis import strategies as st

from perennial_core.decisions import Choice, choose
from perennial_core.identity import Version
from perennial_core.registry import Answer, Decision, Failure


def failed(generation: int = 1) -> Failure:
    return Failure(reason="Deadline", message="no pod became ready", at=NOW, generation=generation)


def decided(verdict: Answer) -> Decision:
    return Decision(verdict=verdict, by="alice", reason="seen", at=NOW)


APPROVED, DENIED = decided(Answer.APPROVED), decided(Answer.DENIED)


def versions(*numbers: int) -> list[Version]:
    return [Version(number) for number in numbers]


NOT_RETAINED = "spec.rollout.pinnedVersion: version 9 is not retained; retained: 1, 2"
FAILED = "spec.rollout.pinnedVersion: version 2 failed to roll out: no pod became ready"


@pytest.mark.parametrize(
    ("retained", "failures", "incumbent", "pinned", "generation", "expected"),
    [
        # without a pin the newest that did not fail
        ([], {}, None, None, 1, (None, None)),
        ([1], {}, None, None, 1, (1, None)),
        ([1, 2], {}, 1, None, 1, (2, None)),
        ([2, 10, 9], {}, 2, None, 1, (10, None)),
        ([1, 2], {2: 1}, 1, None, 1, (1, None)),
        ([1, 2, 3], {2: 1}, 1, None, 1, (3, None)),
        ([1, 2, 3], {2: 1, 3: 1}, 1, None, 1, (1, None)),
        # a change of the spec does not try a failed version again
        ([1, 2], {2: 1}, 1, None, 7, (1, None)),
        # with nothing able the incumbent goes on, also when the registry lost it
        ([1, 2], {1: 1, 2: 1}, None, None, 1, (None, None)),
        ([], {}, 4, None, 1, (4, None)),
        ([1], {1: 1}, 4, None, 1, (4, None)),
        # one that serves, by a pin after its failure, goes on when the pin is taken away
        ([1, 2], {2: 1}, 2, None, 3, (2, None)),
        ([1, 2, 3], {2: 1}, 2, None, 3, (3, None)),
        # a pin holds, older or newer
        ([1, 2, 3], {}, 3, 1, 1, (1, None)),
        ([1, 2, 3], {}, 1, 3, 1, (3, None)),
        ([1, 2, 3], {}, None, 2, 1, (2, None)),
        # a pin on what is not there says so, and what serves goes on
        ([1, 2], {}, 1, 9, 1, (1, NOT_RETAINED)),
        ([1, 2], {}, None, 9, 1, (None, NOT_RETAINED)),
        ([], {}, 1, 9, 1, (1, NOT_RETAINED.replace("1, 2", "none"))),
        # a pin set after the failure tries once more, one from before does not
        ([1, 2], {2: 4}, 1, 2, 5, (2, None)),
        ([1, 2], {2: 4}, 1, 2, 4, (1, FAILED)),
        ([1, 2], {2: 5}, 1, 2, 4, (1, FAILED)),
        ([1, 2], {2: 4}, None, 2, 4, (None, FAILED)),
        # a pin on what serves holds it whatever was
        ([1, 2], {2: 4}, 2, 2, 4, (2, None)),
    ],
)
def test_the_choice(
    retained: list[int],
    failures: dict[int, int],
    incumbent: int | None,
    pinned: int | None,
    generation: int,
    expected: tuple[int | None, str | None],
) -> None:
    choice = choose(
        retained=versions(*retained),
        decisions=dict.fromkeys(versions(*retained), APPROVED),
        failures={Version(version): failed(at) for version, at in failures.items()},
        incumbent=None if incumbent is None else Version(incumbent),
        pinned=None if pinned is None else Version(pinned),
        generation=generation,
    )
    assert (choice.version, choice.problem) == expected


@dataclass(frozen=True)
class Situation:
    retained: set[Version]
    decisions: dict[Version, Decision]
    failures: dict[Version, Failure]
    incumbent: Version | None
    generation: int

    def choice(self, pinned: Version | None) -> Choice:
        return choose(
            retained=self.retained,
            decisions=self.decisions,
            failures=self.failures,
            incumbent=self.incumbent,
            pinned=pinned,
            generation=self.generation,
        )


VERSIONS = st.integers(1, 8).map(Version)
GENERATIONS = st.integers(1, 5)
SITUATIONS = st.builds(
    Situation,
    retained=st.sets(VERSIONS),
    decisions=st.dictionaries(VERSIONS, st.sampled_from([APPROVED, DENIED])),
    failures=st.dictionaries(VERSIONS, GENERATIONS.map(failed)),
    incumbent=st.none() | VERSIONS,
    generation=GENERATIONS,
)


@given(SITUATIONS, st.none() | VERSIONS)
def test_only_what_is_retained_or_serves_is_chosen(
    situation: Situation, pinned: Version | None
) -> None:
    assert situation.choice(pinned).version in {*situation.retained, situation.incumbent}


@given(SITUATIONS, st.none() | VERSIONS)
def test_only_what_is_approved_or_serves_is_chosen(
    situation: Situation, pinned: Version | None
) -> None:
    version = situation.choice(pinned).version
    if version is not None and version != situation.incumbent:
        assert situation.decisions[version] == APPROVED


@pytest.mark.parametrize(
    ("decisions", "pinned", "expected"),
    [
        ({1: APPROVED, 2: DENIED}, None, (1, None)),
        ({1: APPROVED}, None, (1, None)),
        ({}, None, (None, None)),
        ({1: APPROVED, 2: DENIED}, 2, (None, "version 2 was denied by alice")),
        ({1: APPROVED}, 2, (None, "version 2 is not approved; approved: 1")),
        ({}, 2, (None, "version 2 is not approved; approved: none")),
    ],
)
def test_what_nobody_approved_does_not_serve(
    decisions: dict[int, Decision], pinned: int | None, expected: tuple[int | None, str | None]
) -> None:
    choice = choose(
        retained=versions(1, 2),
        decisions={Version(version): decision for version, decision in decisions.items()},
        failures={},
        incumbent=None,
        pinned=None if pinned is None else Version(pinned),
        generation=1,
    )
    version, problem = expected
    assert choice.version == version
    assert choice.problem == (problem and f"spec.rollout.pinnedVersion: {problem}")


@given(SITUATIONS, st.none() | VERSIONS)
def test_a_failed_version_is_chosen_only_when_it_serves_or_is_pinned_later(
    situation: Situation, pinned: Version | None
) -> None:
    version = situation.choice(pinned).version
    if version is None or version == situation.incumbent or version not in situation.failures:
        return
    assert version == pinned
    assert situation.generation > situation.failures[version].generation


@given(SITUATIONS, VERSIONS)
def test_a_pin_holds_its_version_or_says_why_not(situation: Situation, pinned: Version) -> None:
    choice = situation.choice(pinned)
    approved = situation.decisions.get(pinned) == APPROVED
    if choice.problem is None:
        assert choice.version == pinned
        assert pinned in situation.retained
        assert approved
        return
    assert choice.version == situation.incumbent
    assert choice.problem.startswith(f"spec.rollout.pinnedVersion: version {pinned} ")
    if pinned in situation.retained and approved:
        assert situation.failures[pinned].generation >= situation.generation


@given(SITUATIONS)
def test_without_a_pin_there_is_no_problem_and_nothing_newer_is_able(situation: Situation) -> None:
    choice = situation.choice(None)
    assert choice.problem is None
    approved = {v for v, decision in situation.decisions.items() if decision == APPROVED}
    able = situation.retained & approved - situation.failures.keys()
    assert all(choice.version is not None and version <= choice.version for version in able)


@given(SITUATIONS, st.none() | VERSIONS)
def test_the_choice_is_stable_once_it_serves(situation: Situation, pinned: Version | None) -> None:
    choice = situation.choice(pinned)
    if choice.version is not None and choice.problem is None:
        assert replace(situation, incumbent=choice.version).choice(pinned) == choice
