"""Who may take versions over, as the registry stores it.

It comes with the types of the whole resource, which take longer to import than all else that a
predictor needs of the registry; so it is imported where it is read or written.
"""

from __future__ import annotations

from perennial_core.manifest import Record
from perennial_core.resource.promotion import PromotionTarget


class Allowed(Record):
    """Who may take a model's versions over.

    What this release does not know is refused, not passed over: it may narrow what is allowed.
    """

    to: list[PromotionTarget]
