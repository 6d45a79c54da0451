"""Whether an object has to be written: what is wanted against what lives. Pure."""

from __future__ import annotations

from typing import Any

from perennial_operator.kinds import CONTENT_ANNOTATION, Body


def is_applied(wanted: Body, live: Body | None) -> bool:
    """Return whether the live object was made from this content, as its annotation says."""
    return live is not None and _content(live) == _content(wanted)


def contains(live: Any, wanted: Any) -> bool:
    """Return whether all that is wanted stands in what lives; the API server adds defaults."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(
            contains(live.get(name), value) or (name not in live and value in ({}, [], None))
            for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(live, list) and len(live) == len(wanted) and all(map(contains, live, wanted))
        )
    return bool(live == wanted)


def edition(live: Body) -> str:
    """Return what changes when somebody changes the object's content, not its status."""
    metadata = live["metadata"]
    return f"{metadata.get('uid')} {metadata.get('generation') or metadata.get('resourceVersion')}"


def _content(body: Body) -> str | None:
    content: str | None = body["metadata"].get("annotations", {}).get(CONTENT_ANNOTATION)
    return content
