"""``spec.promotion``: versions that were proved elsewhere."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from perennial_core.identity import (
    NAME_PATTERN,
    NAME_WORDS,
    NAMESPACE_PATTERN,
    NAMESPACE_WORDS,
    ModelKey,
)
from perennial_core.resource.base import ObjectName, Part
from perennial_core.resource.data import DataSpec
from perennial_core.resource.runs import RunSpec, short_hash
from perennial_core.validation import Matching

Namespace = Annotated[str, Matching(NAMESPACE_PATTERN, NAMESPACE_WORDS, max_length=63)]
ModelName = Annotated[str, Matching(NAME_PATTERN, NAME_WORDS, max_length=52)]


class PromotionSource(RunSpec):
    """The model whose versions are taken over, as the same bytes, instead of training."""

    namespace: Namespace
    name: ModelName
    registry_secret: ObjectName | None = None
    """Secret in this model's namespace with the registry of the source: its key url, and where they
    are needed password and ca. Absent: this model's own registry."""
    version: Annotated[int, Field(ge=1)] | None = None
    """Take this version of the source. Absent: the one that serves there, as it changes."""
    version_changed_by: Annotated[str, StringConstraints(min_length=1, max_length=253)] | None = (
        None
    )
    """Who last set or removed version, in their own name, as `kubectl auth whoami` says it."""
    data: DataSpec | None = None
    """Rows of its own, to measure on what is taken over beside what serves. Absent: what the source
    measured counts."""

    @property
    def key(self) -> ModelKey:
        """The model that versions are taken from."""
        return ModelKey(self.namespace, self.name)

    def content_hash(self) -> str:
        content: dict[str, Any] = {"from": str(self.key), "registry": self.registry_secret}
        if self.version is not None:
            content["version"] = self.version
        if self.data is not None:
            data = self.data.to_json()
            del data["skipUnchanged"], data["checks"]
            content["data"] = data
        return short_hash(content)


class PromotionTarget(Part):
    """Who may take this model's versions over."""

    namespace: Namespace
    name: ModelName | None = None
    """Absent: every model of the namespace."""

    def includes(self, key: ModelKey) -> bool:
        """Return whether this is, or includes, a model."""
        return self.namespace == key.namespace and self.name in (None, key.name)


class PromotionSpec(Part):
    """From where versions come that were proved elsewhere, and who may take those of this model."""

    from_: Annotated[PromotionSource | None, Field(alias="from")] = None
    """Take versions from there instead of training. Absent: of this model they are trained, or
    brought by `perennial import`."""
    allow_to: Annotated[list[PromotionTarget], Field(max_length=100)] = []
    """The models that may take over versions of this one; in another cluster, by their name there.
    """
