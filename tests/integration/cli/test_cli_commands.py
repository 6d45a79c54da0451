"""The commands beside a running ``perennial run``, and after it."""

from __future__ import annotations

import getpass
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import command
import pytest
from local_run import LocalRun, resource, suspended

MANUAL = {"approval": "Manual"}

COMMENTED = """\
# A line.
apiVersion: perennial.dev/v1alpha1
kind: PredictionModel
metadata: {name: points, namespace: tests}
spec:
  training:
    data:
      uri: file:///data/points.csv
      volume: {persistentVolumeClaim: {claimName: points}}
      target: "y"   # quoted
    estimator: {class: sklearn.linear_model.LinearRegression}
    retries: 0
"""


def where(run: LocalRun) -> tuple[str, ...]:
    return ("--local", str(run.directory / "model.yaml"), "--directory", str(run.state))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[LocalRun]:
    """A run whose first version serves."""
    run = LocalRun(tmp_path, {})
    run.edit(COMMENTED)
    run.generate("--seed", "1")
    with run:
        run.serves(1)
        yield run


def versions(run: LocalRun) -> list[tuple[int, str]]:
    history = command.answer("versions", *where(run))["items"]
    return [(item["version"], item["state"]) for item in history]


def test_training_holding_going_back_and_letting_go(running: LocalRun) -> None:
    here = where(running)
    running.generate("--seed", "2")
    told = command.perennial("train", "points", *here, "--wait")
    assert told == "Published: published version 2\n"
    running.serves(2)
    skipped = command.call("train", *here, "--wait")
    assert (skipped.code, skipped.printed[:8]) == (3, "Skipped:")

    told = command.perennial("rollback", *here, "--wait")
    assert told.startswith("version 1 serves; tests/points goes back from version 2 to 1")
    assert told.endswith(f"; perennial unpin points {' '.join(here)} lets go of it\n")
    assert running.version() == 1
    assert command.answer("status", *here)["items"][0]["pinnedVersion"] == 1
    assert "1 (pinned)" in command.perennial("status", *here)
    assert "version 2 serves" in command.perennial("unpin", "points", *here, "--wait")
    assert "version 1 serves" in command.perennial("pin", *here, "--version", "1", "--wait")

    text = (running.directory / "model.yaml").read_text()
    assert "# A line." in text
    assert '"y"   # quoted' in text
    assert "pinnedVersion: 1" in text


def test_what_is_told_of_a_model_and_its_versions(running: LocalRun) -> None:
    here = where(running)
    running.generate("--seed", "2")
    command.perennial("train", *here, "--wait")
    running.serves(2)
    details = command.answer("status", "points", *here)
    assert (details["ready"], details["serving"], details["strategy"]) == (True, 2, "HotSwap")
    assert details["clusterStrategy"] == "RollingUpdate"
    assert [pod["version"] for pod in details["pods"]] == [2]
    assert versions(running) == [(2, "Serving"), (1, "Superseded")]
    shown = command.answer("show", *here)
    assert shown["manifest"]["rows"]["training"] > 0
    assert shown["incumbentVersion"] == 1
    assert "sklearn.linear_model.LinearRegression" in command.perennial("show", *here)
    fields = {
        item["field"] for item in command.answer("diff", "points", "1", "2", *here)["differences"]
    }
    assert {"digest", "dataFingerprint", "metrics.r2"} <= fields
    assert "estimator.class" not in fields
    assert "digest" in command.perennial("diff", "points", "1", "2", *here)


def test_versions_may_be_named_without_their_only_model(running: LocalRun) -> None:
    here = where(running)
    running.generate("--seed", "2")
    command.perennial("train", *here, "--wait")
    running.serves(2)
    assert command.answer("diff", *here, "1", "2") == command.answer(
        "diff", "points", "1", "2", *here
    )
    for words in (["1"], ["points", "1"], ["points", "--version", "1"]):
        assert command.answer("show", *here, *words)["version"] == 1
    for words in (["1", "--version", "2"], ["1", "2"]):
        assert "show: name one version" in command.refused("show", *here, *words)
    for words in (["points", "1"], ["points", "1", "2", "2"]):
        assert "diff: name two versions" in command.refused("diff", *here, *words)
    assert "'0' is not at most 52 lower-case letters" in command.refused("show", *here, "0")


def test_versions_are_completed_without_their_only_model(
    running: LocalRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ["perennial", "diff", *where(running), "1", ""]
    monkeypatch.setenv("COMP_WORDS", " ".join(line))
    monkeypatch.setenv("COMP_CWORD", str(len(line) - 1))
    monkeypatch.setenv("_PERENNIAL_COMPLETE", "complete_bash")
    assert command.perennial().split() == ["1"]


def test_a_run_that_fails_is_waited_for_too(running: LocalRun) -> None:
    (running.data / "points.csv").unlink()
    failed = command.call("train", *where(running), "--wait")
    assert failed.code == 1
    assert "Failed: " in failed.told
    assert "points.csv" in failed.told
    assert "Traceback" not in failed.told


def test_who_waits_for_a_run_is_told_of_no_other_that_is_under_way(tmp_path: Path) -> None:
    asked = resource()
    asked["metadata"]["annotations"] = {"perennial.dev/train": "an earlier request"}
    asked["spec"]["training"]["data"] = {"uri": "sample://linear?rows=2000000", "target": "y"}
    with LocalRun(tmp_path, asked) as run:
        run.prints("training: first run")
        told = command.perennial("train", *where(run), "--wait")
        assert run.output().count("training: ") == 2
    assert told == "Published: published version 2\n"


def test_a_person_decides_in_their_own_name(tmp_path: Path) -> None:
    run = LocalRun(tmp_path, resource(rollout=MANUAL))
    run.generate("--seed", "1")
    with run:
        run.prints("version 1 awaits approval")
        here = where(run)
        assert command.answer("status", *here)["items"][0]["awaitingApproval"] == [1]
        told = command.perennial("approve", *here, "--reason", "seen", "--wait")
        assert told == "version 1 of tests/points is approved: version 1 serves\n"
        (view,) = command.answer("versions", *here)["items"]
        assert (view["decidedBy"], view["reason"]) == (getpass.getuser(), "seen")
        run.generate("--seed", "2")
        trained = command.perennial("train", *here, "--wait")
        approve = f"perennial approve points --version 2 {' '.join(here)}"
        assert trained.endswith(f"; it awaits approval: {approve}\n")
        assert f"`{approve}` lets it serve" in command.perennial("versions", *here)
        assert "version 2 of tests/points is denied" in command.perennial("deny", *here, "--wait")
        assert run.version() == 1
        assert "no version awaits approval" in command.refused("approve", *here)


def test_after_the_run_its_versions_are_still_there(running: LocalRun) -> None:
    running.end()
    here = where(running)
    (model,) = command.answer("status", *here)["items"]
    assert (model["serving"], model["message"]) == (1, "no perennial run is at work")
    assert versions(running) == [(1, "Serving")]
    assert "no perennial run is at work; start one" in command.refused("train", *here)
    told = command.perennial("pin", *here, "--version", "1")
    assert told.endswith("it counts once a run is at work\n")
    told = command.refused("unpin", *here, "--wait")
    assert "--wait: no perennial run is at work; start one: perennial run" in told
    (model,) = command.answer("status", *here)["items"]
    assert model["pinnedVersion"] == 1, "what would be waited for in vain is not done either"


def test_the_command_that_begins_a_run_names_the_data_where_the_file_cannot(
    tmp_path: Path,
) -> None:
    run = LocalRun(tmp_path, resource())
    begin = f"begin with perennial run {run.directory / 'model.yaml'}"
    options = f"--directory {run.state}, or name the directory of a run"
    assert f"{begin} --data DIR {options}" in command.refused("train", *where(run))
    sample = resource()
    sample["spec"]["training"]["data"] = {"uri": "sample://linear?rows=100", "target": "y"}
    run.edit(sample)
    assert f"{begin} {options}" in command.refused("train", *where(run))
    run.state.mkdir()
    run.edit(resource())
    start = f"start one: perennial run {run.directory / 'model.yaml'} --data DIR"
    assert f"{start} --directory {run.state}\n" in command.refused("train", *where(run))


def test_a_run_that_was_killed_leaves_nothing_in_the_way(running: LocalRun) -> None:
    running.end(signal.SIGKILL)
    assert versions(running) == [(1, "Serving")]


def test_commands_at_the_same_time_wait_for_each_other(running: LocalRun) -> None:
    running.end()
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(versions(running))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[(1, "Serving")]] * 2


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What is started heeds SIGINT, also where a shell's & has these tests ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_while_waiting_ends_it_quietly_and_the_run_goes_on(running: LocalRun) -> None:
    running.generate("--seed", "2")
    line = [sys.executable, "-m", "perennial_cli", "train", *where(running), "--wait"]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stderr is not None
        assert "the run is under way\n" in iter(waiting.stderr.readline, "")
        waiting.send_signal(signal.SIGINT)
        assert "Traceback" not in waiting.stderr.read()
    assert waiting.returncode == 130
    running.serves(2)


def test_what_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    run = LocalRun(tmp_path, suspended())
    assert "nothing was run here yet; begin with perennial run" in command.refused(
        "status", *where(run)
    )
    told = command.refused("status", "--local", str(tmp_path / "missing.yaml"))
    assert "missing.yaml: No such file or directory" in told
    assert "goes without -n" in command.refused("status", *where(run), "-n", "shop")
    for name in ("a/b", "--all", ""):
        told = command.refused("versions", "--", name)
        assert f"{name!r} is not at most 52 lower-case letters" in told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_plainly(running: LocalRun) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "perennial_cli", "status", *where(running), "-o", "json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
