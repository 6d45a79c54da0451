"""Keeps the last version on disk, to serve from when Redis is down at start.

A folder for each model holds manifest and artifact, named as in a bundle. The manifest is replaced
last, in one step; what it names is verified when it is read. So a crash in between leaves the old
copy or the new one, and nothing needs to be flushed.
"""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from perennial_core.bundle import MANIFEST, artifact_name
from perennial_core.identity import ModelKey, digest_of
from perennial_core.manifest import Manifest
from perennial_core.record import Malformed
from perennial_predictor.served import StoredVersion

_log = structlog.get_logger(__name__)


class VersionCache:
    """The copy of one model's last version. Problems of the disk are logged, never raised.

    Args:
        directory: Holds a folder for each model.
        key: The model.
    """

    def __init__(self, directory: Path, key: ModelKey) -> None:
        self._model = str(key)
        self._folder = directory / key.namespace / key.name
        self._manifest_file = self._folder / MANIFEST

    def read(self) -> StoredVersion | None:
        """Return the copy, or None when there is none that is whole."""
        try:
            manifest = Manifest.of_bytes(self._manifest_file.read_bytes())
            artifact = (self._folder / artifact_name(manifest.digest)).read_bytes()
        except FileNotFoundError:
            return None
        except (OSError, Malformed) as error:
            _log.warning("copy not readable", folder=str(self._folder), error=str(error))
            return None
        if manifest.model != self._model or digest_of(artifact) != manifest.digest:
            _log.warning("copy damaged, ignored", folder=str(self._folder))
            return None
        return StoredVersion(manifest, artifact)

    def write(self, stored: StoredVersion) -> None:
        """Replace the copy."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            artifact_file = self._folder / artifact_name(stored.manifest.digest)
            _replace(artifact_file, stored.artifact)
            _replace(self._manifest_file, stored.manifest.to_bytes())
            self._remove_others(artifact_file)
        except OSError as error:
            _log.warning(
                "no copy kept: the version cannot be served while Redis is down at a start",
                folder=str(self._folder),
                error=str(error),
            )

    def _remove_others(self, artifact_file: Path) -> None:
        for file in self._folder.iterdir():
            if file not in (artifact_file, self._manifest_file):
                file.unlink(missing_ok=True)


def _replace(file: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new one."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.draft")
    draft.write_bytes(content)
    draft.replace(file)
