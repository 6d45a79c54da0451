"""What differs between two versions: pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from perennial_cli.show.table import Table
from perennial_cli.show.texts import shown
from perennial_cli.show.versions import type_text
from perennial_cli.views import VersionDetails, View

_COMPARED = (
    *("digest", "format", "size", "task", "estimator", "inputs", "outputs", "classes", "rows"),
    *("dataFingerprint", "trainingSpecHash", "libraries", "trustedTypes", "promotedFrom"),
)
"""Of a manifest; the rest is another in each version, or follows from these."""


class DifferenceView(View):
    """One field that differs; a side that does not have it is absent."""

    field: str
    from_: Any = Field(None, alias="from")
    to: Any = None


class DifferencesView(View):
    """All fields in which two versions differ."""

    model: str
    from_: int = Field(alias="from")
    to: int
    differences: list[DifferenceView]


def differences(one: VersionDetails, other: VersionDetails) -> DifferencesView:
    """Return what differs between two versions of a model.

    Without manifests it is what ModelVersions tell.
    """
    before, after = _facts(one), _facts(other)
    if one.manifest is None or other.manifest is None:
        before, after = _plain_facts(one), _plain_facts(other)
    fields = dict.fromkeys([*before, *after])
    return DifferencesView(
        model=f"{one.namespace}/{one.model}",
        from_=one.version,
        to=other.version,
        differences=[
            DifferenceView(field=field, from_=before.get(field), to=after.get(field))
            for field in fields
            if before.get(field) != after.get(field)
        ],
    )


def differences_table(found: DifferencesView) -> Table:
    """Return the fields that differ as a table."""
    columns = ("FIELD", f"VERSION {found.from_}", f"VERSION {found.to}")
    rows = [(item.field, shown(item.from_), shown(item.to)) for item in found.differences]
    return Table(columns, rows)


def _plain_facts(view: VersionDetails) -> dict[str, Any]:
    facts = {"metrics": view.metrics, "digest": view.digest, "format": view.format}
    return dict(_flat("", facts))


def _facts(view: VersionDetails) -> dict[str, Any]:
    manifest = view.manifest or {}
    facts: dict[str, Any] = {"metrics": view.metrics}
    facts |= {name: manifest[name] for name in _COMPARED if name in manifest}
    for name in ("inputs", "outputs"):
        columns = manifest.get(name, [])
        facts[name] = {column["name"]: type_text(column) for column in columns}
    return dict(_flat("", facts))


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the values in nested mappings and in lists of named ones, each with its path."""
    if isinstance(value, list) and (named := _by_name(value)):
        for name, item in named.items():
            yield from _flat(f"{path}[{name}]", item)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _flat(f"{path}.{name}" if path else str(name), item)
    else:
        yield path, value


def _by_name(items: list[Any]) -> dict[str, Any]:
    """Return items such as the steps of a pipeline by their names; nothing where not all have one
    of their own."""
    named = {item["name"]: item for item in items if isinstance(item, Mapping) and "name" in item}
    return named if len(named) == len(items) else {}
