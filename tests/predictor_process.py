"""Starts the predictor for tests as Kubernetes does: its settings are its environment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from perennial_cli.local.redis_server import free_port
from perennial_core.settings import PredictorSettings, RegistrySettings, environment

_PATIENCE_SECONDS = 30.0


class PredictorProcess(AbstractContextManager["PredictorProcess"]):
    """A running ``perennial-predictor``; leaving the context kills it.

    Args:
        directory: For the log and the copy of the version.
        registry: Where the registry is.
        settings: Of PredictorSettings, beside port and cache directory.
    """

    def __init__(self, directory: Path, registry: RegistrySettings, **settings: Any) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.port = settings.get("port") or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.grpc = f"127.0.0.1:{settings.get('grpc_port')}"
        self.cache = directory / "cache"
        self._log_file = directory / "predictor.log"
        given = {
            "host": "127.0.0.1",
            "port": self.port,
            "cache_directory": self.cache,
            "workers": 1,
        }
        own = PredictorSettings(**{**given, **settings})
        self._environment = os.environ | environment(own) | environment(registry)

    def __enter__(self) -> PredictorProcess:
        with self._log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "perennial_predictor"],
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.client = httpx.Client(base_url=self.url, timeout=20)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()

    def answers(self) -> PredictorProcess:
        """Wait until it answers at all, ready or not."""
        self._wait_for(lambda readiness: True)
        return self

    def ready(self, version: int | None = None) -> PredictorProcess:
        """Wait until it is ready, with this version if one is named."""
        self._wait_for(
            lambda readiness: readiness["ready"] and version in (None, readiness["version"])
        )
        return self

    def waits_for(self, **expected: Any) -> dict[str, Any]:
        """Wait until /readyz says this, and return all that it says."""
        return self._wait_for(lambda said: expected.items() <= said.items())

    def waits_for_problem(self) -> dict[str, Any]:
        """Wait until /readyz tells a problem, and return all that it says."""
        return self._wait_for(lambda said: "problem" in said)

    def readiness(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/readyz", timeout=20).json())

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        """Wait for the end."""
        return self.process.wait(_PATIENCE_SECONDS)

    def log(self) -> list[dict[str, Any]]:
        """Return the log; every line of it must be JSON."""
        return [json.loads(line) for line in self._log_file.read_text().splitlines()]

    def _wait_for(self, is_so: Any) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        said: dict[str, Any] | None = None
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                said = self.readiness()
                if is_so(said):
                    return said
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"last said: {said}; log:\n{self._log_file.read_text()}")


def run_with(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run the predictor with these variables to an end that comes by itself."""
    given = {k: v for k, v in os.environ.items() if not k.startswith("PERENNIAL_")}
    return subprocess.run(
        [sys.executable, "-m", "perennial_predictor"],
        env=given | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
