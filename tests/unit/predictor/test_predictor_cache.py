"""The copy on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from served_models import KEY, line

from perennial_core.identity import ModelKey
from perennial_core.registry import Registry
from perennial_core.settings import PredictorSettings, RegistrySettings
from perennial_predictor.cache import VersionCache
from perennial_predictor.registry_source import RegistrySource
from perennial_predictor.served import StoredVersion

STORED = line().stored(version=4)


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    VersionCache(tmp_path, KEY).write(STORED)
    assert VersionCache(tmp_path, KEY).read() == STORED


def test_only_the_last_version_is_kept(tmp_path: Path) -> None:
    cache = VersionCache(tmp_path, KEY)
    cache.write(line(1.0).stored(version=3))
    cache.write(STORED)
    assert len(files(tmp_path)) == 2
    assert cache.read() == STORED


@pytest.mark.parametrize("name", ["manifest.json", "sha256-*"])
@pytest.mark.parametrize("damage", ["empty", "cut", "changed", "missing"])
def test_a_damaged_copy_is_ignored(tmp_path: Path, name: str, damage: str) -> None:
    cache = VersionCache(tmp_path, KEY)
    cache.write(STORED)
    (file,) = tmp_path.rglob(name)
    content = file.read_bytes()
    match damage:
        case "empty":
            file.write_bytes(b"")
        case "cut":
            file.write_bytes(content[:-10])
        case "changed":
            file.write_bytes(content.replace(content[20:22], b"zz"))
        case "missing":
            file.unlink()
    assert cache.read() is None


def test_a_write_that_was_cut_off_leaves_the_old_copy(tmp_path: Path) -> None:
    cache = VersionCache(tmp_path, KEY)
    cache.write(STORED)
    newer = line(9.0).stored(version=5)
    folder = files(tmp_path)[0].parent
    (folder / newer.manifest.digest.replace(":", "-")).write_bytes(newer.artifact)
    (folder / "manifest.json.1.draft").write_bytes(b"{")
    assert cache.read() == STORED
    cache.write(newer)
    assert cache.read() == newer
    assert len(files(tmp_path)) == 2


def test_another_models_copy_is_not_taken(tmp_path: Path) -> None:
    other = ModelKey("tests", "other")
    VersionCache(tmp_path, KEY).write(STORED)
    assert VersionCache(tmp_path, other).read() is None
    (tmp_path / "tests" / "model").rename(tmp_path / "tests" / "other")
    assert VersionCache(tmp_path, other).read() is None


def test_a_disk_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "tests").write_text("a file where the folder should be")
    cache = VersionCache(tmp_path, KEY)
    cache.write(STORED)
    assert cache.read() is None


async def test_the_copy_is_replaced_and_let_go_once_a_version_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[StoredVersion] = []
    monkeypatch.setattr(VersionCache, "write", lambda _, stored: written.append(stored))
    cache = VersionCache(tmp_path, KEY)
    async with Registry.from_settings(RegistrySettings()) as registry:
        source = RegistrySource(PredictorSettings(model=str(KEY)), registry, cache)
        for stored in (STORED, line().stored(version=5)):
            source.copy = STORED
            source.keep(stored)
            assert source.copy is None
    assert [stored.manifest.version for stored in written] == [5]
