"""A version in a folder."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from builders import manifest_body
from serving import APPROVAL

from perennial_core.bundle import Bundle, read_bundle, write_bundle
from perennial_core.errors import UserError
from perennial_core.identity import ModelKey, Version, digest_of

ARTIFACT = b"the artifact"
MANIFEST = manifest_body(ModelKey("staging", "points"), ARTIFACT).numbered(Version(7))
BUNDLE = Bundle(MANIFEST, ARTIFACT, APPROVAL)
ARTIFACT_NAME = MANIFEST.digest.replace(":", "-")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole bundle."""
    write_bundle(tmp_path / "bundle", BUNDLE)
    return tmp_path / "bundle"


def sum_again(folder: Path) -> None:
    """Make the checksums those of the files as they are now."""
    names = [file.name for file in folder.iterdir() if file.name != "SHA256SUMS"]
    summed = subprocess.run(["sha256sum", *names], cwd=folder, capture_output=True, check=True)
    (folder / "SHA256SUMS").write_bytes(summed.stdout)


@pytest.mark.parametrize("bundle", [BUNDLE, replace(BUNDLE, decision=None)])
def test_what_is_written_is_read_back(tmp_path: Path, bundle: Bundle) -> None:
    write_bundle(tmp_path / "new" / "bundle", bundle)
    assert read_bundle(tmp_path / "new" / "bundle") == bundle


def test_sha256sum_checks_every_file(folder: Path) -> None:
    checked = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=True
    )
    named = {line.partition(":")[0] for line in checked.stdout.splitlines()}
    assert named == {"manifest.json", "decision.json", ARTIFACT_NAME}
    assert {file.name for file in folder.iterdir()} == named | {"SHA256SUMS"}


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    write_bundle(tmp_path, BUNDLE)
    assert read_bundle(tmp_path) == BUNDLE


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "thesis.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("bundle", "file"):
        with pytest.raises(UserError, match=rf"{name}: is there already.*name another"):
            write_bundle(tmp_path / name, BUNDLE)
    assert (tmp_path / "bundle" / "thesis.txt").read_text() == "mine"
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["bundle", "file", "thesis.txt"]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(UserError, match="bundle: cannot be written: No space left on device"):
        write_bundle(tmp_path / "bundle", BUNDLE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["manifest.json", "decision.json", ARTIFACT_NAME, "SHA256SUMS"])
def test_a_file_that_is_missing_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(UserError, match=rf"bundle/{name}: is missing"):
        read_bundle(folder)


@pytest.mark.parametrize("name", ["manifest.json", "decision.json", ARTIFACT_NAME])
@pytest.mark.parametrize(
    "damage", [lambda content: content[:-1], lambda content: content + b"\n", lambda _: b""]
)
def test_a_file_that_was_damaged_is_named(
    folder: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    (folder / name).write_bytes(damage((folder / name).read_bytes()))
    with pytest.raises(UserError, match=rf"bundle/{name}: is not what SHA256SUMS says"):
        read_bundle(folder)


@pytest.mark.parametrize("name", ["manifest.json", "decision.json", ARTIFACT_NAME])
def test_a_file_that_no_checksum_vouches_for_is_named(folder: Path, name: str) -> None:
    sums = folder / "SHA256SUMS"
    lines = sums.read_text().splitlines(keepends=True)
    sums.write_text("".join(line for line in lines if name not in line))
    with pytest.raises(UserError, match=f"SHA256SUMS: does not list {name}"):
        read_bundle(folder)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"size": 5}, "size: 5, and the artifact has 12 bytes"),
        ({"version": 0}, "version: must be at least 1, not 0"),
        ({"model": "../points"}, "model '../points': expected namespace/name"),
        ({"model": "a/b\x1b[31m"}, "expected namespace/name"),
    ],
)
def test_a_manifest_that_no_registry_would_hold_is_refused(
    folder: Path, said: dict[str, object], says: str
) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **said}))
    sum_again(folder)
    with pytest.raises(UserError, match=re.escape(str(folder / "manifest.json"))) as refused:
        read_bundle(folder)
    assert says in str(refused.value)


def test_an_artifact_under_the_name_of_another_is_refused(folder: Path) -> None:
    (folder / ARTIFACT_NAME).write_bytes(b"another")
    sum_again(folder)
    other = digest_of(b"another")
    with pytest.raises(UserError, match=f"{ARTIFACT_NAME}: has the digest {other}, and manifest"):
        read_bundle(folder)


@pytest.mark.parametrize("digest", ["sha256:../../etc/passwd", "/etc/passwd", ""])
def test_a_digest_leads_to_no_other_file(folder: Path, digest: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "digest": digest}))
    sum_again(folder)
    with pytest.raises(UserError, match=r"manifest\.json: digest: .* is no SHA-256 digest"):
        read_bundle(folder)


@pytest.mark.parametrize("name", ["manifest.json", "decision.json"])
@pytest.mark.parametrize("text", ["{}", "no JSON", ""])
def test_a_record_that_cannot_be_read_is_named(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    sum_again(folder)
    with pytest.raises(UserError, match=rf"bundle/{name}: written by another release"):
        read_bundle(folder)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"no checksums\n"])
def test_checksums_that_are_none_vouch_for_nothing(folder: Path, content: bytes) -> None:
    (folder / "SHA256SUMS").write_bytes(content)
    with pytest.raises(UserError, match="bundle/SHA256SUMS: "):
        read_bundle(folder)


def test_files_of_others_are_passed_over(folder: Path) -> None:
    (folder / "README").write_text("what a person noted")
    sum_again(folder)
    (folder / ".DS_Store").write_bytes(b"\0")
    assert read_bundle(folder) == BUNDLE


@pytest.mark.parametrize("name", ["nowhere", "bundle/manifest.json"])
def test_what_is_no_folder_is_no_bundle(folder: Path, name: str) -> None:
    with pytest.raises(UserError, match=rf"{name}/SHA256SUMS: (is missing|cannot be read)"):
        read_bundle(folder.parent / name)
