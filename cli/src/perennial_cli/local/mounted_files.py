"""The files that a ConfigMap or Secret becomes where it is mounted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from perennial_core.errors import UserError
from perennial_core.validation import describe

_FILE_NAME = re.compile(r"[-._a-zA-Z0-9]+")


class _Metadata(BaseModel):
    name: str
    namespace: str = "default"


class _Resource(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    metadata: _Metadata


class _ConfigMap(_Resource):
    data: dict[str, str] = {}
    binary_data: dict[str, Base64Bytes] = Field({}, alias="binaryData")

    def files(self) -> dict[str, bytes]:
        return {name: text.encode() for name, text in self.data.items()} | self.binary_data


class _Secret(_Resource):
    data: dict[str, Base64Bytes] = {}
    string_data: dict[str, str] = Field({}, alias="stringData")

    def files(self) -> dict[str, bytes]:
        return self.data | {name: text.encode() for name, text in self.string_data.items()}


_TYPES: Mapping[str, type[_ConfigMap | _Secret]] = {"ConfigMap": _ConfigMap, "Secret": _Secret}


def files_of(
    resources: Iterable[Any], kind: str, namespace: str, name: str
) -> dict[str, bytes] | None:
    """Return the files of one ConfigMap or Secret among parsed resources; None: it is not there.

    Raises:
        UserError: It has a wrong field, or a key that cannot be a file name.
    """
    for resource in resources:
        if not isinstance(resource, dict) or resource.get("kind") != kind:
            continue
        parsed = _parse(kind, resource)
        if (parsed.metadata.namespace, parsed.metadata.name) == (namespace, name):
            return _checked(parsed.files(), f"{kind} {name}")
    return None


def _parse(kind: str, resource: dict[str, Any]) -> _ConfigMap | _Secret:
    try:
        return _TYPES[kind].model_validate(resource)
    except ValidationError as error:
        raise UserError(f"{kind}: {describe(error)}") from None


def _checked(files: dict[str, bytes], owner: str) -> dict[str, bytes]:
    for name in files:
        if not _FILE_NAME.fullmatch(name) or name in (".", ".."):
            raise UserError(
                f"{owner}: the key {name!r} is no file name; use letters, digits, dashes and dots"
            )
    return files


def write_files(files: Mapping[str, bytes], directory: Path) -> None:
    """Make the directory hold just these files, each replaced in one step."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in files.items():
        fresh = directory / f"{name}.new"
        fresh.write_bytes(content)
        fresh.chmod(0o600)
        fresh.replace(directory / name)
    for stale in directory.iterdir():
        if stale.name not in files:
            stale.unlink()
