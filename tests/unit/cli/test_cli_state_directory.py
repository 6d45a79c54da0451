"""The directory where local state is."""

from __future__ import annotations

import os
from errno import EROFS
from pathlib import Path

import pytest

from perennial_cli.local.state_directory import StateDirectory, default_directory
from perennial_core.errors import UserError
from perennial_core.identity import ModelKey


def test_it_is_named_for_the_model() -> None:
    assert default_directory(ModelKey("staging", "points")) == Path(".perennial/staging-points")


def test_two_runs_on_one_directory_are_refused(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    with state.locked(), pytest.raises(UserError, match="another perennial run"), state.locked():
        pass
    with state.locked():
        pass


def test_a_directory_that_can_no_longer_be_written_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = StateDirectory(tmp_path)
    with state.locked():
        pass
    monkeypatch.setattr(os, "open", refuse_to_create)
    with pytest.raises(UserError, match="Read-only file system; name another"), state.locked():
        pass


def refuse_to_create(*_: object) -> None:
    raise OSError(EROFS, os.strerror(EROFS))


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    state = StateDirectory(tmp_path / "file" / "state")
    with pytest.raises(UserError, match="name another --directory"), state.locked():
        pass
