"""The command as a Job runs it: exit code, termination message, JSON lines, record of the run."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import csv
from trainer_builders import LINEAR, LOGISTIC, order

from perennial_cli.local.redis_server import RedisServer
from perennial_core.identity import ModelKey, Version
from perennial_core.registry import Registry, RunOutcome
from perennial_core.settings import RegistrySettings, TrainerSettings, environment

COMMAND = [str(Path(sys.executable).with_name("perennial-trainer"))]


@dataclass(frozen=True)
class Ended:
    """What a run left behind."""

    code: int
    stdout: str
    stderr: str
    termination: str

    @property
    def log(self) -> list[dict[str, Any]]:
        """Every line of standard output, which must be JSON."""
        return [json.loads(line) for line in self.stdout.splitlines()]


@dataclass(frozen=True)
class Trainer:
    """Runs the command for a model of its own."""

    folder: Path
    redis: RegistrySettings
    model: str

    @property
    def key(self) -> ModelKey:
        return ModelKey.parse(self.model)

    def environment(self, **changed: str) -> dict[str, str]:
        given = TrainerSettings(
            run_id="run",
            training_file=self.folder / "training.json",
            data_directory=self.folder / "data",
            termination_log=self.folder / "termination",
        )
        return {**os.environ, **environment(given), **environment(self.redis), **changed}

    def order(self, **fields: Any) -> None:
        text = order(model=self.model, **fields).to_text()
        (self.folder / "training.json").write_text(text)

    def generate(self, *options: str) -> None:
        file = str(self.folder / "data" / "points.csv")
        subprocess.run([*COMMAND, "generate", file, *options], check=True, timeout=60)

    def run(self, changed: Mapping[str, str] | None = None, **fields: Any) -> Ended:
        if fields:
            self.order(**fields)
        done = subprocess.run(
            [*COMMAND, "run"],
            env=self.environment(**(changed or {})),
            capture_output=True,
            text=True,
            timeout=120,
        )
        return self.ended(done.returncode, done.stdout, done.stderr)

    def ended(self, code: int, stdout: str, stderr: str) -> Ended:
        termination = self.folder / "termination"
        message = termination.read_text() if termination.exists() else ""
        return Ended(code, stdout, stderr, message)


@pytest.fixture
def trainer(tmp_path: Path, registry_settings: RegistrySettings) -> Trainer:
    (tmp_path / "data").mkdir()
    return Trainer(tmp_path, registry_settings, f"tests/{tmp_path.name[:40].replace('_', '-')}")


async def test_a_run_publishes_and_the_next_one_skips(trainer: Trainer, registry: Registry) -> None:
    trainer.generate("--rows", "100", "--seed", "1")
    first = trainer.run(estimator=LINEAR)
    second = trainer.run()
    assert (first.code, second.code) == (0, 0)
    assert (first.log[-1]["event"], first.log[-1]["version"]) == ("published", 1)
    assert (second.log[-1]["event"], second.log[-1]["version"]) == ("skipped", 1)
    assert first.termination == second.termination == ""
    assert await registry.latest(trainer.key) == 1


async def test_log_and_manifest_say_why_a_version_is_not_onnx(
    trainer: Trainer, registry: Registry
) -> None:
    kernel = {"class": "sklearn.kernel_ridge.KernelRidge"}
    ended = trainer.run(uri="sample://linear?rows=100", estimator=kernel)
    reason = "as ONNX: skl2onnx has no converter for KernelRidge"
    assert (ended.log[-2]["reason"], ended.log[-1]["event"]) == (reason, "published")
    assert (await registry.manifest(trainer.key, Version(1))).format_reason == reason


async def test_bad_data_exit_65_and_say_why_everywhere(
    trainer: Trainer, registry: Registry
) -> None:
    file = trainer.folder / "data" / "points.csv"
    file.write_text("x,z\n1,2\n")
    ended = trainer.run(estimator=LINEAR)
    message = (
        f"file:///data/points.csv (here {file}): there is no column 'y', which"
        " spec.training.data.target names; there are: 'x', 'z'"
    )
    (recorded,) = await registry.runs(trainer.key)
    assert ended.code == 65
    assert ended.termination == ended.log[-1]["error"] == recorded.message == message
    assert (recorded.outcome, recorded.retryable, recorded.run_id) == (
        RunOutcome.FAILED,
        False,
        "run",
    )
    assert "Traceback" not in ended.stdout + ended.stderr


async def test_a_bad_spec_exits_78_and_says_why(trainer: Trainer, registry: Registry) -> None:
    ended = trainer.run(uri="sample://linear", estimator={"class": "os.system"})
    (recorded,) = await registry.runs(trainer.key)
    assert ended.code == 78
    assert ended.termination.startswith("spec.training.estimator.class: os.system is not")
    assert not recorded.retryable


async def test_a_server_that_is_down_exits_75_to_be_tried_again(
    trainer: Trainer, registry: Registry
) -> None:
    ended = trainer.run(uri="http://127.0.0.1:9/points.csv", estimator=LINEAR)
    (recorded,) = await registry.runs(trainer.key)
    assert ended.code == 75
    assert ended.termination == recorded.message
    assert recorded.retryable


def test_redis_that_is_down_exits_75(trainer: Trainer, own_redis: RedisServer) -> None:
    own_redis.stop()
    changed = {"PERENNIAL_REDIS_URL": own_redis.url}
    ended = trainer.run(changed, uri="sample://linear", estimator=LINEAR)
    assert ended.code == 75
    assert ended.termination.startswith("Redis does not answer")
    assert "Traceback" not in ended.stdout + ended.stderr


def test_a_missing_order_exits_78(trainer: Trainer) -> None:
    ended = trainer.run()
    assert ended.code == 78
    assert "training.json" in ended.termination
    assert "PERENNIAL_TRAINING_FILE" in ended.termination


def test_an_order_with_a_wrong_field_exits_78_and_names_it(trainer: Trainer) -> None:
    content = {"model": "tests/points", "training": {"data": {"uri": "sample://linear"}}}
    (trainer.folder / "training.json").write_text(json.dumps(content))
    ended = trainer.run()
    assert ended.code == 78
    assert "training.data.target: this field is required" in ended.termination


def test_a_missing_variable_exits_78_and_names_it(trainer: Trainer) -> None:
    given = trainer.environment()
    del given["PERENNIAL_RUN_ID"]
    done = subprocess.run([*COMMAND, "run"], env=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 78
    assert "PERENNIAL_RUN_ID: this field is required" in done.stdout


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PERENNIAL_LOG_LEVEL", "loud", "must be 'DEBUG', 'INFO'"),
        ("PERENNIAL_ALLOWED_MODULES", "[sklearn", "'[sklearn' is no list; write"),
        ("PERENNIAL_REDIS_MAX_ARTIFACT_BYTES", "big", "must be a whole number, not 'big'"),
    ],
)
def test_a_wrong_variable_exits_78_and_is_named(
    trainer: Trainer, name: str, value: str, says: str
) -> None:
    given = {**trainer.environment(), name: value}
    done = subprocess.run([*COMMAND, "run"], env=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 78
    assert f"{name}: {says}" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_termination_log_that_cannot_be_written_hinders_nothing(trainer: Trainer) -> None:
    changed = {"PERENNIAL_TERMINATION_LOG": "/no/such/folder/log"}
    ended = trainer.run(changed, uri="sample://cubic", estimator=LINEAR)
    assert ended.code == 78


def test_every_line_of_output_is_json_whatever_libraries_print(trainer: Trainer) -> None:
    table = pa.table({"x": range(40), "y": [i % 2 for i in range(40)]})
    csv.write_csv(table, trainer.folder / "data" / "points.csv")
    talkative = {**LOGISTIC, "params": {"max_iter": 1, "solver": "liblinear", "verbose": 1}}
    ended = trainer.run(estimator=talkative)
    assert ended.code == 0
    assert "LibLinear" in ended.stderr
    assert any("ConvergenceWarning" in line["event"] for line in ended.log)
    assert all({"event", "level", "timestamp"} <= set(line) for line in ended.log)


SLOW = {"class": "sklearn.ensemble.RandomForestRegressor", "params": {"n_estimators": 100_000}}


async def test_a_run_that_is_told_to_end_says_so_and_may_be_tried_again(
    trainer: Trainer, registry: Registry
) -> None:
    trainer.order(uri="sample://linear?rows=20000", estimator=SLOW)
    process = await asyncio.create_subprocess_exec(
        *[*COMMAND, "run"], env=trainer.environment(), stdout=PIPE, stderr=PIPE
    )
    assert process.stdout is not None
    assert b"data read" in await process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    stdout, stderr = await process.communicate()
    ended = trainer.ended(process.returncode or 0, stdout.decode(), stderr.decode())
    (recorded,) = await registry.runs(trainer.key)
    assert ended.code == 128 + signal.SIGTERM
    assert "ended from outside before it was done (SIGTERM)" in ended.termination
    assert (recorded.outcome, recorded.retryable) == (RunOutcome.FAILED, True)
