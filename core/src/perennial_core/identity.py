"""How models, versions and artifacts are named."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NewType

from perennial_core.errors import UserError

Version = NewType("Version", int)
"""A positive integer, one for each published artifact of a model, never reused."""

Digest = NewType("Digest", str)
"""``sha256:`` and 64 hexadecimal digits: the name of an artifact by its content."""


@dataclass(frozen=True, order=True)
class ModelKey:
    """One PredictionModel, known as ``namespace/name``."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> ModelKey:
        """Read ``namespace/name``.

        Raises:
            UserError: The text has not exactly one slash with something on both sides.
        """
        namespace, slash, name = text.partition("/")
        if not (namespace and slash and name) or "/" in name:
            raise UserError(f"model {text!r}: expected namespace/name")
        return cls(namespace, name)


def digest_of(artifact: bytes) -> Digest:
    """Return the digest of an artifact's bytes."""
    return Digest("sha256:" + hashlib.sha256(artifact).hexdigest())
