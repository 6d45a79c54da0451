"""Starts the servers that are compared, each on the one core that is measured."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType

from perennial_cli.local.redis_server import free_port

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[-1], CORES[0]

_PATIENCE_SECONDS = 90.0
_TICKS = os.sysconf("SC_CLK_TCK")

RESIDENT = "Rss"
ANONYMOUS = "Anonymous"
"""The part of it that no file backs: the system cannot take it back, and a limit counts it."""


class Server(AbstractContextManager["Server"]):
    """A server process; leaving the context ends it and all that it started.

    Args:
        name: As it is shown.
        command: ``{port}`` in it, and in the environment, stands for the port that it is given.
        log: Where it writes.
        environment: Further variables.
        cores: Where it runs.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        cores: Sequence[int] = (SERVER_CORE,),
    ) -> None:
        self.name = name
        self.port = free_port()
        self._command = [part.replace("{port}", str(self.port)) for part in command]
        self._environment = {
            key: value.replace("{port}", str(self.port))
            for key, value in (environment or {}).items()
        }
        self._log = log
        self._cores = cores

    def __enter__(self) -> Server:
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self._cores)  # inherited by what is started
        try:
            with self._log.open("wb") as log:
                self.process = subprocess.Popen(
                    self._command,
                    env=os.environ | self._environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        finally:
            os.sched_setaffinity(0, before)
        self._wait_until_it_listens()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for pid in reversed(self._pids()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def cpu_seconds(self) -> float:
        """Return the CPU time that it and its children have taken."""
        return sum(_cpu_seconds(Path(f"/proc/{pid}")) for pid in self._pids())

    def thread_seconds(self) -> dict[int, float]:
        """Return the CPU time that each thread of its first process has taken."""
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        return {int(thread.name): _cpu_seconds(thread) for thread in threads}

    def memory(self, kind: str = RESIDENT) -> int:
        """Return how many bytes of memory it and its children have."""
        return sum(_memory(Path(f"/proc/{pid}"), kind) for pid in self._pids())

    def _pids(self) -> list[int]:
        """Return its process and all that descend from it."""
        pids = [self.process.pid]
        for pid in pids:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                pids += map(int, task.read_text().split())
        return pids

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.005)  # the start of a server is measured, too
        self.__exit__(None, None, None)
        raise RuntimeError(f"{self.name} does not listen:\n{self._log.read_text()[-4000:]}")


def _cpu_seconds(process: Path) -> float:
    """Return the CPU time of a process or thread. Source: proc_pid_stat(5), fields 14 and 15."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def keep_to_client_core() -> None:
    """Leave the measured core to the server; with one core they share it, which is said."""
    os.sched_setaffinity(0, {CLIENT_CORE})
    if SERVER_CORE == CLIENT_CORE:
        print("one core: server and client share it, and ratios come out closer to 1")


def _memory(process: Path, kind: str) -> int:
    """Return bytes of memory of a process. Source: proc_pid_smaps(5)."""
    lines = (process / "smaps_rollup").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))
