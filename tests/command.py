"""Calls ``perennial`` as a person does."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ended:
    """What came of a call."""

    code: int
    printed: str
    told: str
    """What was printed on standard error."""


def call(*arguments: str, directory: Path | None = None, seconds: float = 120) -> Ended:
    """Call the command, however it ends."""
    done = subprocess.run(
        [sys.executable, "-m", "perennial_cli", *arguments],
        cwd=directory,
        text=True,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def perennial(*arguments: str, **options: Any) -> str:
    """Return what the command prints; it must end well."""
    ended = call(*arguments, **options)
    assert ended.code == 0, f"perennial {' '.join(arguments)}: {ended}"
    return ended.printed


def answer(*arguments: str, **options: Any) -> Any:
    """Return what the command prints as JSON."""
    return json.loads(perennial(*arguments, "-o", "json", **options))


def refused(*arguments: str, **options: Any) -> str:
    """Return what the command says when it refuses."""
    ended = call(*arguments, **options)
    assert ended.code == 2, f"perennial {' '.join(arguments)}: {ended}"
    return ended.told
