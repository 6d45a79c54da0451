"""The registry against a real Redis."""

from __future__ import annotations

from builders import NOW, manifest_body

from perennial_core.identity import ModelKey
from perennial_core.registry import Registry


async def test_a_published_version_is_read_back_whole(registry: Registry) -> None:
    key, artifact = ModelKey("tests", "read-back"), b"artifact"
    publication = await registry.publish(key, manifest_body(key, artifact), artifact, started=NOW)
    manifest = await registry.manifest(key, publication.version)
    assert (publication.version, publication.repeated) == (1, False)
    assert await registry.latest(key) == 1
    assert await registry.artifact(key, manifest.digest) == artifact
