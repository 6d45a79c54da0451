"""A version in a folder: the way between registries that cannot reach each other.

manifest.json     the version's manifest
sha256-<digits>   the artifact, named by its digest
decision.json     who approved it, where that is known
SHA256SUMS        over all of them; ``sha256sum -c SHA256SUMS`` checks it without Perennial
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from perennial_core.errors import UserError
from perennial_core.identity import Digest, ModelKey, digest_of
from perennial_core.manifest import Decision, Manifest
from perennial_core.record import Malformed, Record

MANIFEST = "manifest.json"
DECISION = "decision.json"
CHECKSUMS = "SHA256SUMS"

_CHECKSUM = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

_R = TypeVar("_R", bound=Record)


@dataclass(frozen=True)
class Bundle:
    """A version outside of any registry."""

    manifest: Manifest
    artifact: bytes
    decision: Decision | None = None
    """Who approved it; None where nobody did or it is not known."""


def artifact_name(digest: Digest) -> str:
    """Return the name of the file that holds an artifact."""
    return digest.replace(":", "-")


def write_bundle(folder: Path, bundle: Bundle) -> None:
    """Write a bundle to a new or empty folder: all of it or nothing.

    Raises:
        UserError: The folder holds something already, or cannot be written.
    """
    folder = folder.resolve()
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.draft")
    try:
        _refuse_occupied(folder)
        draft.mkdir(parents=True)
        try:
            _write_files(draft, bundle)
            draft.rename(folder)  # takes the place of an empty folder only
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written: {error.strerror}; name a folder that is not there yet"
        ) from error


def read_bundle(folder: Path) -> Bundle:
    """Return a bundle, verified. Files that belong to no bundle are passed over.

    Raises:
        UserError: It is not whole; the text names the file.
    """
    sums = _checksums(folder)
    manifest = _record(Manifest, folder / MANIFEST, _verified(folder, MANIFEST, sums))
    _refuse_senseless(folder / MANIFEST, manifest)
    artifact = _artifact(folder, manifest.digest, sums)
    if manifest.size != len(artifact):
        text = f"size: {manifest.size}, and the artifact has {len(artifact)} bytes"
        raise UserError(f"{folder / MANIFEST}: {text}; export the version again")
    return Bundle(manifest, artifact, _decision(folder, sums))


def _refuse_senseless(file: Path, manifest: Manifest) -> None:
    """Refuse what no registry would have said of a version."""
    if not _DIGEST.fullmatch(manifest.digest):
        raise UserError(f"{file}: digest: {manifest.digest!r} is no SHA-256 digest")
    if manifest.version < 1:
        raise UserError(f"{file}: version: must be at least 1, not {manifest.version}")
    try:
        ModelKey.parse(manifest.model)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None


def _refuse_occupied(folder: Path) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    what = "not empty" if folder.is_dir() else "a file, and a bundle is a folder"
    raise UserError(f"{folder}: is there already, and {what}; name another")


def _write_files(folder: Path, bundle: Bundle) -> None:
    files = {
        MANIFEST: bundle.manifest.to_bytes(),
        artifact_name(bundle.manifest.digest): bundle.artifact,
    }
    if bundle.decision is not None:
        files[DECISION] = bundle.decision.to_bytes()
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()]
    for name, content in {**files, CHECKSUMS: "".join(lines).encode()}.items():
        (folder / name).write_bytes(content)


def _checksums(folder: Path) -> dict[str, str]:
    """Return what SHA256SUMS says: hexadecimal digits by file name."""
    file = folder / CHECKSUMS
    with _named_problems(file):
        lines = file.read_text().splitlines()
    found = [_CHECKSUM.fullmatch(line) for line in lines]
    return {match[2]: match[1] for match in found if match}


def _verified(folder: Path, name: str, sums: Mapping[str, str]) -> bytes:
    """Return the content of a file, which must be what SHA256SUMS says."""
    file = folder / name
    with _named_problems(file):
        content = file.read_bytes()
    if name not in sums:
        raise UserError(f"{folder / CHECKSUMS}: does not list {name}; export the version again")
    if hashlib.sha256(content).hexdigest() != sums[name]:
        raise UserError(
            f"{file}: is not what {CHECKSUMS} says: damaged or changed; copy the bundle again"
        )
    return content


def _artifact(folder: Path, digest: Digest, sums: Mapping[str, str]) -> bytes:
    name = artifact_name(digest)
    artifact = _verified(folder, name, sums)
    if (actual := digest_of(artifact)) != digest:
        raise UserError(f"{folder / name}: has the digest {actual}, and {MANIFEST} names {digest}")
    return artifact


def _decision(folder: Path, sums: Mapping[str, str]) -> Decision | None:
    if DECISION not in sums and not (folder / DECISION).exists():
        return None
    return _record(Decision, folder / DECISION, _verified(folder, DECISION, sums))


def _record(kind: type[_R], file: Path, text: bytes) -> _R:
    try:
        return kind.of_bytes(text)
    except Malformed as error:
        raise UserError(
            f"{file}: written by another release, or not by Perennial: {error}"
        ) from None


@contextmanager
def _named_problems(file: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UserError(
            f"{file}: is missing; a bundle is a folder that perennial export wrote"
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"{file}: is no text; copy the bundle again") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from None
