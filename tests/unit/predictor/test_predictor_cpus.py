"""How many CPUs a predictor may use, and how much memory."""

from __future__ import annotations

import os
import sys
from math import isnan
from pathlib import Path

import pytest

from perennial_predictor.cpus import cpu_limit, idle_seconds, memory_limit, usable_cpus


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
    (tmp_path / "cpu.max").write_text(f"{limit}\n")
    assert usable_cpus(tmp_path) == cpus


STAT = """cpu  9 9 9 9999 99 9 9
cpu0 9 9 9 100 20 9 9
cpu1 9 9 9 3000 400 9 9
cpu10 9 9 9 50000 6000 9 9
btime 1764200000
"""


def test_idle_time_is_that_of_the_cpus_that_may_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stat").write_text(STAT)
    monkeypatch.setattr(os, "sysconf", {"SC_CLK_TCK": 100}.__getitem__)
    assert idle_seconds(tmp_path / "stat") == 35.2
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1})
    assert idle_seconds(tmp_path / "stat") == 34


def test_idle_time_is_not_a_number_where_it_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu0 1 1 1 x 1\n")
    assert isnan(idle_seconds(tmp_path / "stat"))
    assert isnan(idle_seconds(tmp_path / "elsewhere"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")
def test_the_machine_tells_its_idle_time() -> None:
    assert idle_seconds() > 0


def test_without_a_limit_all_cpus_count(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path) == 8


@pytest.mark.parametrize(
    ("limit", "cpus"), [("400000 100000", 4), ("50000 100000", 0), ("max 100000", None)]
)
def test_only_a_limit_tells_how_many_are_meant_for_a_container(
    limit: str, cpus: int | None, tmp_path: Path
) -> None:
    (tmp_path / "cpu.max").write_text(f"{limit}\n")
    assert cpu_limit(tmp_path) == cpus
    assert cpu_limit(tmp_path / "elsewhere") is None


@pytest.mark.parametrize(("limit", "size"), [("268435456", 2**28), ("max", None)])
def test_so_with_memory(limit: str, size: int | None, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    assert memory_limit(tmp_path) == size
    assert memory_limit(tmp_path / "elsewhere") is None


@pytest.mark.parametrize(("quota", "cpus"), [("200000", 2), ("50000", 0), ("-1", None)])
def test_a_node_with_the_first_version_of_control_groups_tells_the_same(
    quota: str, cpus: int | None, tmp_path: Path
) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert cpu_limit(tmp_path) == cpus


@pytest.mark.parametrize(("limit", "size"), [("268435456", 2**28), ("9223372036854771712", None)])
def test_so_with_memory_there(limit: str, size: int | None, tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/memory.limit_in_bytes").write_text(f"{limit}\n")
    assert memory_limit(tmp_path) == size
