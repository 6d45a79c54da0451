"""What a bundle becomes as a version of another model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from perennial_core.artifact import load_model
from perennial_core.artifact.examples import ask_examples
from perennial_core.bundle import Bundle
from perennial_core.errors import UserError
from perennial_core.identity import Version
from perennial_core.manifest import ExampleResult, ManifestBody, PromotedFrom
from perennial_core.promotion import Served, evidence_from, provenance, taken_over
from perennial_core.registry import Answer, Publication, Registry
from perennial_core.resource import PredictionModel
from perennial_core.resource.runs import short_hash
from perennial_core.settings import TrainerSettings, from_environment

_REGISTRY = "a bundle"
"""What a manifest says in place of the registry that a version is from."""


@dataclass(frozen=True)
class Import:
    """A bundle for a model, checked, and what its artifact predicts for the model's examples."""

    bundle: Bundle
    model: PredictionModel
    origin: PromotedFrom
    examples: list[ExampleResult]

    @property
    def spec_hash(self) -> str:
        """What the model's spec says now, so that what is imported does not come too late."""
        runs = self.model.spec.runs
        return runs.content_hash() if runs else "import"

    @property
    def run_id(self) -> str:
        """The same for the same bundle, spec and examples: a repeated import is one version."""
        manifest = self.bundle.manifest.to_json()
        asked = [example.to_json() for example in self.model.spec.gate.examples]
        source = self.origin.to_json()
        content = {"from": source, "spec": self.spec_hash, "examples": asked}
        return f"import-{short_hash({**content, 'manifest': manifest})}"


def prepare(bundle: Bundle, model: PredictionModel) -> Import:
    """Load a bundle's artifact on this machine, and ask it for the examples of the model's gate.

    Raises:
        UserError: It was denied where it is from, or its artifact cannot be used.
    """
    manifest, decision = bundle.manifest, bundle.decision
    name = f"version {manifest.version} of {manifest.model}"
    if decision is not None and decision.verdict is Answer.DENIED:
        raise UserError(f"{name} was denied there by {decision.by}")
    trusted = from_environment(TrainerSettings, run_id="").trusted_types
    loaded = load_model(manifest, bundle.artifact, trusted_types=trusted)
    origin = provenance(manifest, decision, _REGISTRY)
    return Import(bundle, model, origin, ask_examples(loaded, model.spec.gate.examples))


async def publish(registry: Registry, wanted: Import) -> Publication:
    """Publish a bundle as the next version of its model, unless it is one already."""
    body, now = await _body(registry, wanted), datetime.now(UTC)
    return await registry.publish(wanted.model.key, body, wanted.bundle.artifact, started=now)


async def _body(registry: Registry, wanted: Import) -> ManifestBody:
    manifest = wanted.bundle.manifest
    served = await _served(registry, wanted)
    evidence = evidence_from(manifest, None, wanted.origin, served, wanted.examples)
    return taken_over(
        manifest,
        wanted.model.key,
        wanted.origin,
        evidence,
        run_id=wanted.run_id,
        spec_hash=wanted.spec_hash,
        created=datetime.now(UTC),
    )


async def _served(registry: Registry, wanted: Import) -> Served | None:
    serving = await registry.serving(wanted.model.key)
    if serving is None:
        return None
    version: Version = serving.version
    manifests = await registry.manifests(wanted.model.key, [version])
    return Served(version, manifests.get(version))
