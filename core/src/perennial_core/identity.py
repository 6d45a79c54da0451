"""How models, versions and artifacts are named."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import NewType

from perennial_core.errors import UserError

Version = NewType("Version", int)
"""A positive integer, one for each published artifact of a model, never reused."""

Digest = NewType("Digest", str)
"""``sha256:`` and 64 hexadecimal digits: the name of an artifact by its content."""


NAMESPACE_PATTERN = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
"""A Kubernetes namespace: a label of RFC 1123."""
NAMESPACE_WORDS = "at most 63 lower-case letters, digits and dashes, with no dash at either end"

NAME_PATTERN = r"^[a-z]([-a-z0-9]{0,50}[a-z0-9])?$"
"""A model's name: that of its Service, and short enough for the names of its runs."""
NAME_WORDS = "at most 52 lower-case letters, digits and dashes, a letter first and no dash last"


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
            UserError: The text is not a namespace, a slash and the name of a model.
        """
        namespace, _, name = text.partition("/")
        if not (_matches(NAMESPACE_PATTERN, namespace) and _matches(NAME_PATTERN, name)):
            raise UserError(
                f"model {text!r}: expected namespace/name; the namespace is {NAMESPACE_WORDS};"
                f" the name is {NAME_WORDS}"
            )
        return cls(namespace, name)


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text) is not None


class ArtifactHash:
    """Takes an artifact's bytes piece by piece."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._hash.update(piece)

    def digest(self) -> Digest:
        """Return the digest of all bytes so far."""
        return Digest("sha256:" + self._hash.hexdigest())


def digest_of(artifact: bytes) -> Digest:
    """Return the digest of an artifact's bytes."""
    whole = ArtifactHash()
    whole.update(artifact)
    return whole.digest()
