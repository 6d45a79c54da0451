"""Loads an artifact by the format that its manifest names. Pickle is never loaded."""

from __future__ import annotations

from collections.abc import Sequence

from perennial_core.artifact.model import ArtifactUnusable, LoadedModel
from perennial_core.manifest import ArtifactFormat, Signature


def load_model(
    manifest: Signature,
    artifact: bytes,
    *,
    trusted_types: Sequence[str] = (),
    threads: int | None = None,
) -> LoadedModel:
    """Return a model that is ready to predict.

    Args:
        manifest: The version's manifest.
        artifact: The bytes that ``manifest.digest`` names.
        trusted_types: Types that a skops artifact may need beyond TRUSTED_TYPES. What the manifest
            itself lists is not trusted for that.
        threads: How many threads one prediction uses; by default one a core.

    Raises:
        ArtifactUnusable: The bytes are damaged, of another format, need types that are not trusted
            or libraries that are not installed.
    """
    try:
        if manifest.format is ArtifactFormat.ONNX:
            from perennial_core.artifact.onnx_model import OnnxModel

            return OnnxModel(manifest, artifact, threads)
        from perennial_core.artifact.skops_model import SkopsModel

        return SkopsModel(manifest, artifact, trusted_types, threads)
    except ArtifactUnusable:
        raise
    except Exception as error:
        raise ArtifactUnusable(
            f"{manifest.model}: the {manifest.format} artifact cannot be loaded: {error}"
            f" (made with {_makers(manifest)})"
        ) from error


def _makers(manifest: Signature) -> str:
    made_with = (f"{name} {version}" for name, version in sorted(manifest.libraries.items()))
    return ", ".join(made_with) or "unknown libraries"
