"""What the source of a promotion offers, where it is in the same registry."""

from __future__ import annotations

from perennial_core.promotion import Withheld, offer
from perennial_core.registry import Registry
from perennial_core.resource import PredictionModel
from perennial_operator.build.deployment import Release
from perennial_operator.problems import Problems
from perennial_operator.state import Trouble


async def read_source(
    registry: Registry, model: PredictionModel, problems: Problems
) -> Release | Withheld | None:
    """Return the version that a model should take over now, or why there is none.

    None: it takes none over, or from another registry, at which its runs look.
    """
    source = model.spec.promotion.from_ if model.spec.promotion else None
    if source is None or source.registry_secret is not None:
        return None
    with problems.of_registry():
        offered = offer(source, model.key, await registry.snapshot(source.key))
        if isinstance(offered, Withheld):
            if offered.refused:
                problems.add(Trouble.PROMOTION_REFUSED, offered.reason)
            return offered
        manifest = await registry.manifest(source.key, offered.version)
        return Release(manifest.version, manifest.digest)
    return Withheld(f"{source.key} cannot be read now", refused=False)
