"""The protocol's paths, for the one model that is served."""

from __future__ import annotations

VERSION = "model_version"
"""The path parameter with the version that a client asks for."""

_MODELS = "/v2/models/"
_VERSIONS = "/versions/"


def model_path(name: str) -> str:
    return f"{_MODELS}{name}"


def version_path(name: str) -> str:
    return f"{model_path(name)}{_VERSIONS}{{{VERSION}}}"


def template_of(path: str) -> tuple[str, dict[str, str]]:
    """Return the template of a path, and the parameters with which it gives the path."""
    found = path.find(_VERSIONS, len(_MODELS))  # a model may be called versions
    if found < 0:
        return path, {}
    begin = found + len(_VERSIONS)
    version, slash, rest = path[begin:].partition("/")
    return f"{path[:begin]}{{{VERSION}}}{slash}{rest}", {VERSION: version}


def is_of_protocol(path: str) -> bool:
    """Return whether errors on a path are the protocol's: ``{"error": text}``."""
    return path.startswith(("/v2/", "/v1/")) or path in ("/v2", "/v1")
