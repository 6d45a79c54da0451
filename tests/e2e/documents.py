"""The commands of a document, and how they are run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from e2e.installation import REPOSITORY

BLOCK = re.compile(r"(?:<!-- run: (\w+) -->\n)?```sh\n(.*?)```", re.DOTALL)
COMMANDS = Path(sys.executable).parent
"""Where ``perennial`` is."""


def blocks(document: str, *ways: str) -> list[str]:
    """Return the blocks of commands that are marked with one of these ways."""
    return [commands for way, commands in marked_blocks(document) if way in ways]


def marked_blocks(document: str) -> list[tuple[str, str]]:
    """Return the mark of each block of commands, and the commands."""
    found: list[tuple[str, str]] = BLOCK.findall((REPOSITORY / document).read_text())
    return found


def shell(
    commands: str, environment: dict[str, str], *, seconds: float = 400, folder: Path = REPOSITORY
) -> str:
    """Run commands in one shell that stops at the first failure; returns what they printed."""
    path = f"{COMMANDS}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{commands}"],
        cwd=folder,
        env=os.environ | {"PATH": path} | environment,
        text=True,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
    return done.stdout
