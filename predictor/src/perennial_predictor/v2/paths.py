"""The protocol's paths, for the one model that is served."""

from __future__ import annotations

VERSION = "model_version"
"""The path parameter with the version that a client asks for."""

_VERSIONS = "/versions/"


def model_path(name: str) -> str:
    return f"/v2/models/{name}"


def version_path(name: str) -> str:
    return f"{model_path(name)}{_VERSIONS}{{{VERSION}}}"


def template_of(path: str) -> tuple[str, dict[str, str]]:
    """Return the template of a path, and the parameters with which it gives the path."""
    head, mark, tail = path.partition(_VERSIONS)
    if not mark:
        return path, {}
    version, slash, rest = tail.partition("/")
    return f"{head}{_VERSIONS}{{{VERSION}}}{slash}{rest}", {VERSION: version}


def is_of_protocol(path: str) -> bool:
    """Return whether errors on a path are the protocol's: ``{"error": text}``."""
    return path.startswith(("/v2/", "/v1/")) or path in ("/v2", "/v1")
