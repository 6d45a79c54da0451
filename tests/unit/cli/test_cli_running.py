"""What a local run tells the commands beside it."""

from __future__ import annotations

from pathlib import Path

from perennial_cli.local.running import announced, read_running
from perennial_core.settings import RegistrySettings

CONNECTION = RegistrySettings.of({"url": "redis://127.0.0.1:6390/0"})


def test_commands_are_told_the_port_that_is_in_use(tmp_path: Path) -> None:
    file = tmp_path / "running.json"
    with announced(file, CONNECTION) as tell:
        assert read_running(file) is None
        for port in (5001, 5002):
            tell(port)
            running = read_running(file)
            assert running is not None
            assert (running.port, running.settings()) == (port, CONNECTION)
    assert read_running(file) is None


def test_a_run_that_says_no_port_is_one_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "running.json"
    file.write_text('{"registry": {"PERENNIAL_REDIS_URL": "redis://127.0.0.1:6390/0"}}')
    running = read_running(file)
    assert running is not None
    assert (running.port, running.settings()) == (None, CONNECTION)
