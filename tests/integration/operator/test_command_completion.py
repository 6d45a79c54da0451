"""Completion of names and versions in a shell, and the command as a plugin of kubectl."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from operator_bench import IDLE, Bench

BESIDE = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def completed(*words: str, **environment: str) -> list[str]:
    """Return what the last word may become, as bash asks for it."""
    line = ["perennial", *words]
    asked = {"COMP_WORDS": " ".join(line), "COMP_CWORD": str(len(line) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "perennial_cli"],
        env=os.environ | asked | {"_PERENNIAL_COMPLETE": "complete_bash"} | environment,
        text=True,
        capture_output=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


def plugin(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["kubectl", *arguments], env=os.environ | BESIDE, text=True, capture_output=True
    )


async def test_names_and_versions_are_completed(bench: Bench) -> None:
    await bench.apply(IDLE)
    for _ in range(2):
        await bench.publish()
    await bench.settle()
    where = ("-n", bench.namespace)
    assert completed("show", *where, "po") == ["points"]
    assert completed("show", *where, "x") == []
    assert completed("pin", *where, "points", "--version", "") == ["2", "1"]
    assert completed("diff", *where, "points", "1", "") == ["2", "1"]


async def test_what_cannot_be_looked_up_is_not_completed(tmp_path: Path, bench: Bench) -> None:
    assert completed("show", "po", KUBECONFIG=str(tmp_path / "none")) == []
    assert completed("show", "--local", str(tmp_path / "none.yaml"), "po") == []


async def test_it_is_a_plugin_of_kubectl(bench: Bench) -> None:
    await bench.apply(IDLE)
    listed = plugin("perennial", "status", "-n", bench.namespace)
    assert listed.stdout.splitlines()[1].startswith("points")
    assert "Usage: kubectl perennial versions" in plugin("perennial", "versions", "--help").stdout
    refused = plugin("perennial", "versions", "nothing", "-n", bench.namespace)
    assert refused.stderr.startswith("kubectl perennial: there is no model nothing")
    found = plugin("__complete", "perennial", "show", "-n", bench.namespace, "po").stdout
    assert found.splitlines() == ["points", ":4"]
