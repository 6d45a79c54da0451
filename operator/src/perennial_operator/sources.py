"""What the source of a promotion offers, where it is in the same registry."""

from __future__ import annotations

from perennial_core.manifest import Manifest
from perennial_core.promotion import Withheld, offer
from perennial_core.registry import Registry
from perennial_core.resource import PredictionModel
from perennial_core.resource.promotion import PromotionSource
from perennial_operator.build.deployment import Release
from perennial_operator.decide.training import Source
from perennial_operator.problems import Problems
from perennial_operator.state import Trouble


async def read_source(
    registry: Registry, model: PredictionModel, latest: Manifest | None, problems: Problems
) -> Source | None:
    """Return the source of a model, and what came from it last.

    None: the model takes nothing over, or from another registry, at which its runs look.

    Args:
        registry: Of both.
        model: Who takes over.
        latest: Its own latest version.
        problems: Where it is noted what the source refuses.
    """
    spec = model.spec.promotion.from_ if model.spec.promotion else None
    if spec is None or spec.registry_secret is not None:
        return None
    offered: Release | Withheld = Withheld(f"{spec.key} cannot be read now", refused=False)
    with problems.of_registry():
        offered = await _offered(registry, spec, model)
    if isinstance(offered, Withheld) and offered.refused:
        problems.add(Trouble.PROMOTION_REFUSED, offered.reason)
    return Source(offered, _taken(spec, latest), latest.version if latest else None)


async def _offered(
    registry: Registry, spec: PromotionSource, model: PredictionModel
) -> Release | Withheld:
    snapshot = await registry.snapshot(spec.key)
    offered = offer(spec, model.key, snapshot)
    if isinstance(offered, Withheld):
        return offered
    serving = snapshot.serving
    if serving is not None and serving.version == offered.version:
        return Release(serving.version, serving.digest)
    manifest = await registry.manifest(spec.key, offered.version)
    return Release(manifest.version, manifest.digest)


def _taken(spec: PromotionSource, latest: Manifest | None) -> Release | None:
    """Return the version of the source that a model's latest version is."""
    origin = latest.promoted_from if latest else None
    if latest is None or origin is None or origin.registry is not None:
        return None
    return Release(origin.version, latest.digest) if origin.model == str(spec.key) else None
