"""The one version of a bundle, with no registry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from perennial_core.bundle import read_bundle
from perennial_core.identity import ModelKey
from perennial_core.manifest import Manifest
from perennial_core.settings import PredictorSettings
from perennial_predictor.served import StoredVersion
from perennial_predictor.source import Target, WrongVersion


class BundleSource:
    """A model that never has another version.

    Args:
        folder: The bundle.
        settings: Where they name model, version or digest too, the bundle must be that.

    Raises:
        UserError: The bundle is not whole; the text names the file.
        WrongVersion: It is not the version that the settings name.
    """

    def __init__(self, folder: Path, settings: PredictorSettings) -> None:
        bundle = read_bundle(folder)
        _check(bundle.manifest, settings, folder)
        self.key = ModelKey.parse(bundle.manifest.model)
        self.fixed = Target(bundle.manifest.version, bundle.manifest.digest)
        self.copy: StoredVersion | None = StoredVersion(bundle.manifest, bundle.artifact)

    async def open(self) -> None:
        """Do nothing: what is served has been read."""

    async def target(self) -> Target:
        return self.fixed

    async def get(self, _: Target) -> StoredVersion:
        assert self.copy is not None, "it is asked for until it serves, and never again"
        return self.copy

    def keep(self, _: StoredVersion) -> None:
        """Let go of the artifact: the model is loaded."""
        self.copy = None

    async def hints(self) -> AsyncIterator[None]:
        """Yield nothing: there is no other version."""
        return
        yield


def _check(manifest: Manifest, settings: PredictorSettings, folder: Path) -> None:
    for name in ("model", "version", "digest"):
        wanted, held = getattr(settings, name), getattr(manifest, name)
        if wanted not in (None, "", held):
            raise WrongVersion(
                f"PERENNIAL_{name.upper()}: is {wanted}, but the bundle in {folder} holds {held};"
                " with a bundle it need not be set"
            )
