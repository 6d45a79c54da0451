"""Who may take versions over, as the registry stores it.

It comes with the types of the whole resource, which take longer to import than all else that a
predictor needs of the registry; so it is imported where it is read or written.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from perennial_core.registry.records import foreign
from perennial_core.resource.base import Part
from perennial_core.resource.promotion import PromotionTarget
from perennial_core.validation import describe


class Allowed(Part):
    """Who may take a model's versions over.

    What this release does not know is refused, not passed over: it may narrow what is allowed.
    """

    to: list[PromotionTarget]


def allowed_to(targets: Sequence[PromotionTarget]) -> bytes:
    """Return what is stored where these may take versions over."""
    return Allowed(to=list(targets)).model_dump_json(by_alias=True, exclude_none=True).encode()


def read_allowed(text: bytes, key: str) -> tuple[PromotionTarget, ...]:
    """Read the same.

    Raises:
        RegistryRefused: It is not what this release writes; the text names the key.
    """
    try:
        return tuple(Allowed.model_validate_json(text).to)
    except ValidationError as error:
        raise foreign(key, describe(error)) from None
