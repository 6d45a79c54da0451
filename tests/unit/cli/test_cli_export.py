"""``perennial export`` writes a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from perennial_cli.app import command_line
from perennial_core.errors import UserError


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_the_format_of_other_commands_is_no_folder(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = ["export", "points", "--local", "none.yaml", "-o", form]
    app = command_line(completes=False)
    with pytest.raises(UserError, match=f"^-o: names the folder to write, and {form} is a format"):
        CliRunner().invoke(app, line, catch_exceptions=False)
    Path(form).mkdir()
    with pytest.raises(UserError, match=r"^none\.yaml: "):
        CliRunner().invoke(app, line, catch_exceptions=False)
