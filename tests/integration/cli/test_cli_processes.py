"""The processes of ``perennial run``: started again when they crash, and never left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from builders import spec_hash
from local_run import LocalRun, resource, suspended, wait_until_gone
from served_models import line, published

from perennial_cli.local.redis_server import RedisServer
from perennial_core.identity import ModelKey
from perennial_core.resource import PredictionModel
from perennial_core.settings import RegistrySettings

SPEC_HASH = spec_hash(PredictionModel.parse(suspended()))
"""Of the spec that the file holds: a version of another one comes too late to serve."""


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def niceness(process: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_clean_end_leaves_no_process_and_no_port(tmp_path: Path, number: int) -> None:
    with LocalRun(tmp_path, suspended()) as run:
        children = [run.child("redis-server"), run.child("perennial_predictor")]
        assert run.end(number) == 0
    assert "Traceback" not in run.output()
    wait_until_gone(children)
    assert is_free(run.port)


def test_a_hard_kill_leaves_no_process(tmp_path: Path) -> None:
    with LocalRun(tmp_path, suspended()) as run:
        children = [run.child("redis-server"), run.child("perennial_predictor")]
        run.end(signal.SIGKILL)
    wait_until_gone(children)


def test_versions_outlive_a_crash_of_each_process(tmp_path: Path) -> None:
    with LocalRun(tmp_path, suspended()) as run:
        own = RegistrySettings.of({"url": run.redis_url()})
        published(
            own, ModelKey("tests", "points"), line(), serve=False, training_spec_hash=SPEC_HASH
        )
        run.prints("serving version 1 at")
        os.kill(run.child("redis-server"), signal.SIGKILL)
        run.prints("Redis ended by SIGKILL; starting it again")
        os.kill(run.child("perennial_predictor"), signal.SIGKILL)
        run.prints("the predictor ended by SIGKILL")
        run.prints("serving version 1 at", times=2)


def test_a_trainer_gives_way_to_predictions(tmp_path: Path) -> None:
    with LocalRun(tmp_path, resource()) as run:
        run.generate()
        assert niceness(run.child("perennial_trainer")) > niceness(run.process.pid)
        assert niceness(run.child("perennial_predictor")) == niceness(run.process.pid)


def test_a_second_run_on_the_same_state_is_refused(tmp_path: Path) -> None:
    with LocalRun(tmp_path, suspended()) as run:
        run.child("redis-server")
        second = subprocess.run(run.command(), capture_output=True, text=True)
    assert second.returncode == 2
    assert "another perennial run uses it" in second.stderr


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    run = LocalRun(tmp_path, suspended())
    with socket.create_server(("127.0.0.1", run.port)):
        refused = subprocess.run(run.command(), capture_output=True, text=True)
    assert refused.returncode == 2
    assert f"port {run.port}: Address already in use; name another with --port" in refused.stderr


def test_a_redis_that_a_url_names_is_used_and_left_running(
    tmp_path: Path, own_redis: RedisServer
) -> None:
    settings = RegistrySettings.of({"url": own_redis.url})
    published(
        settings, ModelKey("tests", "points"), line(), serve=False, training_spec_hash=SPEC_HASH
    )
    with LocalRun(tmp_path, suspended(), "--redis-url", own_redis.url) as run:
        run.serves(1)
        run.end()
    assert own_redis.running
    assert not (run.state / "redis").exists()


def test_a_redis_that_does_not_answer_ends_the_run_with_a_message(tmp_path: Path) -> None:
    run = LocalRun(tmp_path, suspended(), "--redis-url", "redis://127.0.0.1:1/0")
    ended = subprocess.run(run.command(), capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith("perennial: Redis does not answer")


def test_ctrl_c_while_it_is_still_importing_ends_it_quietly(tmp_path: Path) -> None:
    interrupted = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's & ignores it
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "time.sleep(60)\n"
    )
    (tmp_path / "typer.py").write_text(interrupted)
    ended = subprocess.run(
        [sys.executable, "-m", "perennial_cli", "run", "model.yaml"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (suspended(serving={"port": 80}), "model.yaml: spec.serving.port"),
        ({"kind": "PredictionModel"}, "model.yaml: apiVersion: this field is required"),
    ],
)
def test_a_wrong_resource_is_refused_without_a_traceback(
    tmp_path: Path, model: dict[str, object], says: str
) -> None:
    refused = subprocess.run(LocalRun(tmp_path, model).command(), capture_output=True, text=True)
    assert refused.returncode == 2
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_wrong_variable_is_named_before_anything_starts(tmp_path: Path) -> None:
    run = LocalRun(tmp_path, suspended())
    environment = {**os.environ, "PERENNIAL_THREADS": "many"}
    refused = subprocess.run(run.command(), capture_output=True, text=True, env=environment)
    assert refused.returncode == 2
    assert refused.stderr == "perennial: PERENNIAL_THREADS: must be a whole number, not 'many'\n"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "perennial_cli", "run", "missing.yaml"]
    refused = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert refused.returncode == 2
    assert refused.stderr == "perennial: missing.yaml: No such file or directory\n"
