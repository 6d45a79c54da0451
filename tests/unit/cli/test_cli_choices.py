"""Which model and version a person means who did not say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from perennial_cli.choices import named, to_decide_on, to_go_back_to, to_pin
from perennial_cli.views import ModelView, VersionView
from perennial_core.errors import UserError


def versions(*states: str) -> list[VersionView]:
    """Return versions from 1 on, newest first; those with a star were decided on."""
    return [
        VersionView(
            namespace="shop",
            model="points",
            version=number,
            state=state.rstrip("*"),
            decided_by="alice" if state.endswith("*") else None,
        )
        for number, state in reversed(list(enumerate(states, 1)))
    ]


def model(serving: int | None) -> ModelView:
    return ModelView(namespace="shop", name="points", strategy="RollingUpdate", serving=serving)


@pytest.mark.parametrize(
    ("states", "serving", "expected"),
    [
        (["Superseded*", "Superseded*", "Serving*"], 3, 2),
        (["Superseded*", "Failed*", "Serving*"], 3, 1),
        (["Superseded*", "Superseded", "Rejected", "Denied*", "Serving*"], 5, 1),
        (["Superseded*", "Serving*", "Approved*"], 2, 1),
    ],
)
def test_going_back_is_to_the_newest_below_that_was_approved_and_did_not_fail(
    states: list[str], serving: int, expected: int
) -> None:
    assert to_go_back_to(model(serving), versions(*states), None).version == expected


def test_a_version_to_go_back_to_may_be_named() -> None:
    history = versions("Superseded*", "Superseded*", "Serving*")
    assert to_go_back_to(model(3), history, 1).version == 1


@pytest.mark.parametrize(
    ("first", "behind", "expected"),
    [
        ("points", [1, 2], ("points", [1, 2])),
        ("points", [], ("points", [])),
        ("1", [2], (None, [1, 2])),
        ("v1", [2], ("v1", [2])),
        (None, [], (None, [])),
        (None, [3], (None, [3])),
    ],
)
def test_where_a_number_stands_for_the_model_the_only_one_is_meant(
    first: str | None, behind: list[int], expected: tuple[str | None, list[int]]
) -> None:
    assert named(first, behind) == expected


REFUSALS: dict[str, Callable[[], VersionView]] = {
    "no version awaits approval": lambda: to_decide_on(versions("Serving*"), None),
    "versions 1, 2 await approval; name one with --version": lambda: to_decide_on(
        versions("AwaitingApproval", "AwaitingApproval"), None
    ),
    "version 1 does not await approval: it is Serving": lambda: to_decide_on(
        versions("Serving*"), 1
    ),
    "version 7 is not retained; retained: 1, 2": lambda: to_pin(
        versions("Superseded*", "Serving*"), 7
    ),
    "version 2 is Rejected, and only approved versions serve; approved: 1": lambda: to_pin(
        versions("Serving*", "Rejected"), 2
    ),
    "nothing serves, so there is nothing to go back from; pin a version": lambda: to_go_back_to(
        model(None), versions("Approved*"), None
    ),
    "no approved version below 2 is retained; spec.rollout.historyLimit says how many are": (
        lambda: to_go_back_to(model(2), versions("Rejected", "Serving*"), None)
    ),
    "version 1 serves; --to has to be below, or pin 2": lambda: to_go_back_to(
        model(1), versions("Serving*", "Approved*"), 2
    ),
}


@pytest.mark.parametrize("message", REFUSALS)
def test_what_cannot_be_is_refused_with_what_can(message: str) -> None:
    with pytest.raises(UserError) as refused:
        REFUSALS[message]()
    assert str(refused.value) == message


def test_the_one_that_awaits_approval_is_meant() -> None:
    history = versions("Serving*", "AwaitingApproval", "Rejected")
    assert to_decide_on(history, None).version == 2
