"""What a run needs not before it knows its order is imported when it is asked for."""

from __future__ import annotations

import json
import subprocess
import sys

SEEN = """
import json, sys
import perennial_trainer.__main__
print(json.dumps(sorted(sys.modules)))
"""
COLLECTED = """
import gc
import perennial_trainer.__main__
print(gc.isenabled(), len(gc.get_objects()))
"""
RICH = """
import perennial_trainer.__main__
import rich.console
"""
LATER = {"numpy", "onnx", "pandas", "pyarrow", "rich", "sklearn", "typer"}


def output(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_what_an_order_is_read_without_is_not_imported() -> None:
    imported = set(json.loads(output(SEEN)))
    assert "perennial_core.order" in imported
    assert not imported & LATER


def test_what_is_imported_at_the_start_is_never_looked_through_for_garbage() -> None:
    enabled, objects = output(COLLECTED).split()
    assert enabled == "True"
    assert int(objects) < 1000


def test_what_structlog_goes_without_others_can_import() -> None:
    output(RICH)
