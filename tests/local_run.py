"""Starts ``perennial run`` for tests as a person does, and reads what it prints."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from perennial_cli.local.redis_server import free_port

PATIENCE_SECONDS = 60.0


def resource(**changes: Any) -> dict[str, Any]:
    """Return the resource of a model of the points in /data; ``changes`` are top parts of spec."""
    spec = {
        "training": {
            "data": {
                "uri": "file:///data/points.csv",
                "volume": {"persistentVolumeClaim": {"claimName": "points"}},
                "target": "y",
            },
            "estimator": {"class": "sklearn.linear_model.LinearRegression"},
            "retries": 0,
        }
    }
    return {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "PredictionModel",
        "metadata": {"name": "points", "namespace": "tests"},
        "spec": {**spec, **changes},
    }


def suspended(**changes: Any) -> dict[str, Any]:
    """Return the same model, which starts no run by itself."""
    model = resource(**changes)
    model["spec"]["training"]["suspend"] = True
    return model


class LocalRun(AbstractContextManager["LocalRun"]):
    """A running ``perennial run``; leaving the context ends it, hard if need be.

    Args:
        directory: For resource file, data, state and output.
        model: The resource.
        arguments: Further ones of the command line.
        port_in_file: Whether the resource says the port, and not ``--port``.
    """

    def __init__(
        self,
        directory: Path,
        model: Mapping[str, Any],
        *arguments: str,
        port_in_file: bool = False,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = free_port()
        self.data = directory / "data"
        self.data.mkdir(exist_ok=True)
        self.state = directory / "state"
        self._output = directory / "output.txt"
        self._arguments = arguments
        self._port_in_file = port_in_file
        self.edit(model)

    def edit(self, model: Mapping[str, Any] | str) -> None:
        """Write the resource file; JSON is YAML."""
        text = model if isinstance(model, str) else json.dumps(model)
        (self.directory / "model.yaml").write_text(text)

    def generate(self, *arguments: str) -> None:
        """Write points of y = 2x + 3."""
        command = [sys.executable, "-m", "perennial_trainer", "generate"]
        file = str(self.data / "points.csv")
        subprocess.run([*command, file, *arguments], check=True, capture_output=True)

    def __enter__(self) -> LocalRun:
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(
                self.command(), stdout=output, stderr=output, start_new_session=True
            )
        return self

    def command(self) -> list[str]:
        port = () if self._port_in_file else ("--port", str(self.port))
        return [
            *(sys.executable, "-m", "perennial_cli", "run", str(self.directory / "model.yaml")),
            *(*port, "--data", str(self.data), "--directory", str(self.state)),
            *self._arguments,
        ]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.end()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"does not end; it printed:\n{self.output()}") from None

    def output(self) -> str:
        return self._output.read_text()

    def prints(self, text: str, times: int = 1) -> None:
        """Wait until this was printed so many times."""
        self._wait_until(lambda: self.output().count(text) >= times, f"prints {text!r}")

    def is_at_work(self) -> None:
        """Wait until commands find it."""
        self._wait_until((self.state / "running.json").exists, "is at work")

    def serves(self, version: int) -> None:
        """Wait until this version answers."""
        self._wait_until(lambda: self.version() == version, f"serves version {version}")

    def version(self) -> int | None:
        """Return the version that answers."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}/?msg=100", timeout=20)
        except httpx.TransportError:
            return None
        return int(answer.json()["version"]) if answer.is_success else None

    def prediction(self) -> float:
        """Return the prediction for x = 100."""
        answer = httpx.get(f"http://127.0.0.1:{self.port}/?msg=100", timeout=20)
        return float(answer.json()["prediction"])

    def children(self) -> dict[int, str]:
        """Return the processes that it started, by id, with their command lines."""
        return {
            pid: _command_line(pid)
            for pid in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
            if _parent(pid) == self.process.pid
        }

    def child(self, name: str) -> int:
        """Return the id of the child whose command line holds this name, once there is one."""
        self._wait_until(lambda: self._children_named(name) != [], f"starts {name}")
        return self._children_named(name)[0]

    def redis_url(self) -> str:
        """Return the URL of its Redis, as it tells the predictor."""
        pid = self.child("perennial_predictor")
        variables = Path(f"/proc/{pid}/environ").read_text().split("\0")
        return next(
            value
            for name, _, value in (text.partition("=") for text in variables)
            if name == "PERENNIAL_REDIS_URL"
        )

    def _children_named(self, name: str) -> list[int]:
        return [pid for pid, command in self.children().items() if name in command]

    def _wait_until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(
                    f"waited in vain until it {what}; it printed:\n{self.output()}"
                )
            time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Say whether a process runs; one that ended and was not waited for does not."""
    try:
        return _stat(pid)[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pids: list[int]) -> None:
    """Wait until none of the processes runs."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(map(is_running, pids)):
        if time.monotonic() > deadline:
            raise AssertionError(f"still running: {[pid for pid in pids if is_running(pid)]}")
        time.sleep(0.05)


def _parent(pid: int) -> int:
    try:
        return int(_stat(pid)[1])
    except OSError:
        return 0


def _stat(pid: int) -> list[str]:
    """Return state, parent and so on, as proc(5) lists them behind the name."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
