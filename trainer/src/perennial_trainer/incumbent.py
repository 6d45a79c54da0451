"""The version that serves, measured on the same holdout as the candidate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perennial_core.artifact import LoadedModel, load_model
from perennial_core.errors import UserError, brief
from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import Manifest, Metrics, Signature
from perennial_core.registry import Registry
from perennial_trainer.data.holdout import Part
from perennial_trainer.measuring import NotMeasurable, measured


@dataclass(frozen=True)
class Incumbent:
    """The serving version, or why it cannot be measured."""

    version: Version
    model: LoadedModel | None
    problem: str | None = None
    manifest: Manifest | None = None
    """None where it is lost, or not to be read."""


async def load_incumbent(
    registry: Registry, key: ModelKey, trusted_types: Sequence[str]
) -> Incumbent | None:
    """Return what serves; None when nothing does."""
    serving = await registry.serving(key)
    if serving is None:
        return None
    manifest = None
    try:
        manifest = await registry.manifest(key, serving.version)
        artifact = await registry.artifact(key, manifest.digest)
        model = load_model(manifest, artifact, trusted_types=trusted_types)
    except UserError as error:
        return Incumbent(serving.version, None, brief(error), manifest)
    return Incumbent(serving.version, model, None, manifest)


def with_incumbent(
    candidate: dict[str, float | None],
    incumbent: Incumbent | None,
    holdout: Part,
    signature: Signature,
) -> Metrics:
    """Return the candidate's scores beside the same ones of the incumbent on the same holdout."""
    if incumbent is None:
        return Metrics(candidate=candidate)
    found, problem = None, incumbent.problem
    if incumbent.model is not None:
        try:
            found = measured(candidate, incumbent.model, holdout, signature)
        except NotMeasurable as error:
            problem = str(error)
    return Metrics(
        candidate=candidate,
        incumbent=found,
        incumbent_version=incumbent.version,
        incumbent_problem=problem,
    )
