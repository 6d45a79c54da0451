"""Whether an object has to be written: what is wanted against what lives. Pure."""

from __future__ import annotations

from typing import Any

from perennial_operator.kinds import Body


def is_marked(live: Body, wanted: Body) -> bool:
    """Return whether the live object has the labels, the owner and the annotations that it should.

    Among the annotations is the hash of the content from which it was made.
    """
    metadata = live["metadata"]
    (owner,) = wanted["metadata"]["ownerReferences"]
    return is_owned_by(live, owner["uid"]) and all(
        contains(metadata.get(name, {}), wanted["metadata"][name])
        for name in ("labels", "annotations")
    )


def is_owned_by(live: Body, uid: str) -> bool:
    """Return whether the owner of this uid is among the object's."""
    return any(owner["uid"] == uid for owner in live["metadata"].get("ownerReferences", []))


_ATOMIC = frozenset({"selector", "nodeSelector"})
"""Maps that an apply replaces whole, for what somebody adds to them changes their meaning."""


def contains(live: Any, wanted: Any) -> bool:
    """Return whether all that is wanted stands in what lives; the API server adds defaults."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(
            _holds(live, name, value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(live, list) and len(live) == len(wanted) and all(map(contains, live, wanted))
        )
    return bool(live == wanted)


def _holds(live: dict[str, Any], name: str, wanted: Any) -> bool:
    if name not in live:
        return wanted is False or wanted in ({}, [], None)
    if name in _ATOMIC:
        return bool(live[name] == wanted)
    return contains(live[name], wanted)


def edition(live: Body) -> str:
    """Return what changes when somebody changes the object's content, not its status."""
    metadata = live["metadata"]
    return f"{metadata.get('uid')} {metadata.get('generation') or metadata.get('resourceVersion')}"
