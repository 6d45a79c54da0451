"""Which model and version a person means who did not say: pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from perennial_cli.backend import version_of
from perennial_cli.views import ModelView, VersionView
from perennial_core.decisions import State
from perennial_core.errors import UserError

_APPROVED = (State.APPROVED, State.SERVING, State.SUPERSEDED, State.FAILED)

_VERSION = re.compile("[1-9][0-9]{0,17}")


def is_version(text: str) -> bool:
    """Say whether a text is a version; no model's name is, for that begins with a letter."""
    return _VERSION.fullmatch(text) is not None


def named(first: str | None, versions: Sequence[int]) -> tuple[str | None, list[int]]:
    """Return the model, None for the only one, and the versions that a person named.

    Args:
        first: A model, or where none was named the first of the versions.
        versions: Those that came behind.
    """
    if first is None or not is_version(first):
        return first, list(versions)
    return None, [int(first), *versions]


def is_approved(view: VersionView) -> bool:
    """Say whether a version may serve; one that was superseded need not have been approved."""
    return view.decided_by is not None and view.state in _APPROVED


def to_decide_on(versions: Sequence[VersionView], number: int | None) -> VersionView:
    """Return the version to approve or deny.

    Args:
        versions: The model's.
        number: The one that is named; None: the one that awaits approval.

    Raises:
        UserError: It does not await approval, or none or several do.
    """
    if number is not None:
        view = version_of(versions, number)
        if view.state != State.AWAITING_APPROVAL:
            raise UserError(f"version {number} does not await approval: it is {view.state}")
        return view
    waiting = [view for view in versions if view.state == State.AWAITING_APPROVAL]
    if not waiting:
        raise UserError("no version awaits approval")
    if len(waiting) > 1:
        known = ", ".join(str(view.version) for view in reversed(waiting))
        raise UserError(f"versions {known} await approval; name one with --version")
    return waiting[0]


def to_pin(versions: Sequence[VersionView], number: int) -> VersionView:
    """Return the version to pin.

    Raises:
        UserError: It is not retained or not approved.
    """
    view = version_of(versions, number)
    if not is_approved(view):
        known = [str(view.version) for view in reversed(versions) if is_approved(view)]
        raise UserError(
            f"version {number} is {view.state}, and only approved versions serve; approved:"
            f" {', '.join(known) or 'none'}"
        )
    return view


def to_go_back_to(
    model: ModelView, versions: Sequence[VersionView], number: int | None
) -> VersionView:
    """Return the version to roll back to.

    Args:
        model: The model.
        versions: Its versions.
        number: The one that is named; None: the newest below the one that serves that may serve and
            has not failed.

    Raises:
        UserError: There is none, or the named one is none below the one that serves.
    """
    if model.serving is None:
        raise UserError("nothing serves, so there is nothing to go back from; pin a version")
    if number is not None and number >= model.serving:
        raise UserError(f"version {model.serving} serves; --to has to be below, or pin {number}")
    if number is not None:
        return to_pin(versions, number)
    older = (
        view
        for view in versions
        if view.version < model.serving and is_approved(view) and view.state != State.FAILED
    )
    found = max(older, key=lambda view: view.version, default=None)
    if found is None:
        raise UserError(
            f"no approved version below {model.serving} is retained; spec.rollout.historyLimit says"
            " how many are"
        )
    return found
