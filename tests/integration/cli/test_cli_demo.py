"""The demonstration."""

from __future__ import annotations

import re
import subprocess
import sys


def test_the_demo_comes_to_its_end_without_a_failed_request() -> None:
    demo = subprocess.run(
        [sys.executable, "-m", "perennial_cli", "demo"], capture_output=True, text=True
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert re.search(r"[1-9]\d* requests over 4 connections, 0 failed", demo.stdout)
