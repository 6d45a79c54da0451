"""The worked example of docs/staging-to-production.md: each command, in its order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import kubectl
import pytest
from e2e.documents import blocks, marked_blocks, shell
from e2e.installation import REPOSITORY, Installation

DOCUMENT = "docs/staging-to-production.md"
NAMESPACES = ("production", "staging")


@pytest.fixture
def folder(perennial: Installation, tmp_path: Path) -> Iterator[Path]:
    """A folder with the examples, and at the end none of the namespaces of the document."""
    (tmp_path / "manifests").symlink_to(REPOSITORY / "manifests")
    yield tmp_path
    kubectl.kubectl("delete", "namespace", "--ignore-not-found", *NAMESPACES, seconds=300)


def test_every_block_is_run() -> None:
    assert {way for way, _ in marked_blocks(DOCUMENT)} == {"cluster"}


def test_from_staging_to_production(folder: Path) -> None:
    commands = blocks(DOCUMENT, "cluster")
    printed = [shell(block, {}, folder=folder) for block in commands[:-1]]
    people, trained, waits, approved, worse, better, back = printed
    assert "alice-decides created" in people
    assert "Serving" in trained
    assert "staging/points" in waits
    assert "alice" in approved
    assert "Rejected" in worse
    assert digests("staging", 3) == digests("production", 2)
    assert "rows" in better
    assert "alice" in back
    shell(commands[-1], {}, folder=folder)


def digests(namespace: str, version: int) -> str:
    digest: str = kubectl.get("mv", f"points-v{version}", namespace)["status"]["digest"]
    return digest
