"""Adds to versions what only the registry tells, where it can be reached."""

from __future__ import annotations

from collections.abc import Sequence

from perennial_cli.backend import Backend
from perennial_cli.show.output import note
from perennial_cli.views import VersionDetails, VersionView
from perennial_core.errors import PerennialError
from perennial_core.identity import Version


async def with_manifests(backend: Backend, versions: Sequence[VersionView]) -> list[VersionDetails]:
    """Return versions of one model with their manifests.

    Where the registry cannot be reached, a note says so, and the versions come without.
    """
    numbers = [Version(view.version) for view in versions]
    try:
        async with backend.registry(versions[0].model) as (key, registry):
            manifests = await registry.manifests(key, numbers)
    except PerennialError as error:
        note(f"{error}; this is what the cluster tells")
        return [VersionDetails(**dict(view)) for view in versions]
    documents = {number: manifest.to_json() for number, manifest in manifests.items()}
    return [
        VersionDetails(**dict(view), manifest=documents.get(Version(view.version)))
        for view in versions
    ]
