"""How many CPUs a predictor may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from perennial_predictor.cpus import usable_cpus


@pytest.fixture(autouse=True)
def _eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("limit", "cpus"),
    [
        ("max 100000", 8),
        ("400000 100000", 4),
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("1600000 100000", 8),
        ("nonsense", 8),
    ],
)
def test_a_thread_gets_a_whole_cpu_of_the_container_s_limit(
    limit: str, cpus: int, tmp_path: Path
) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(f"{limit}\n")
    assert usable_cpus(file) == cpus


def test_without_a_limit_all_cpus_count(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path / "cpu.max") == 8
