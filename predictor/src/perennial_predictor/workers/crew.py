"""The further processes of a predictor. They accept connections on the socket of the first."""

from __future__ import annotations

import asyncio
import socket
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from perennial_predictor.assembly import Predictor
from perennial_predictor.workers.desk import answering, ask
from perennial_predictor.workers.merged import merged
from perennial_predictor.workers.whole import speaking

_log = structlog.get_logger(__name__)

_LOOK_SECONDS = 10.0
_LISTEN_SECONDS = 1.0
"""The longest wait for what a process measured: less than those wait who look at all."""
_PATIENCE = 3
"""A process that did answer, and does not for so many looks, hangs: it is ended."""
_PAUSE_SECONDS = 1.0
"""Before one that ended is started anew; twice as long after each that ended without a word."""
_LONGEST_PAUSE_SECONDS = 60.0


class Crew:
    """Starts further processes, and starts anew what ends.

    Args:
        workers: How many processes there are with the first.
        listener: Where connections are accepted; each of them inherits it.
        folder: Has the sockets at which the processes ask each other.
        desk: Answers what they ask the first.
    """

    def __init__(
        self,
        workers: int,
        listener: socket.socket,
        folder: TemporaryDirectory[str],
        desk: asyncio.AbstractServer,
    ) -> None:
        self._number = workers
        self._listener = listener
        self._folder = folder
        self._directory = Path(folder.name)
        self._desk = desk
        self._workers: dict[int, _Worker] = {}
        self._ended: bytes = b""
        """What those measured that have ended."""
        self._leaving = asyncio.Event()
        self._keeping = [asyncio.create_task(self._keep(each)) for each in range(1, workers)]

    async def exposition(self, own: bytes) -> bytes:
        """Return what all measured, from what the first has."""
        alive = [each for each in self._workers.values() if not each.is_late]
        await asyncio.gather(*(each.listen() for each in alive))
        said = [each.said for each in self._workers.values() if each.said is not None]
        return await asyncio.to_thread(merged, [own, *said], [self._ended])

    def leave(self) -> None:
        """Have all of them drain, and start none anew."""
        if self._leaving.is_set():  # a second signal would end them at once
            return
        self._leaving.set()
        for each in self._workers.values():
            each.leave()

    async def stop(self, seconds: float) -> None:
        """Wait until all have ended, and end those that take longer."""
        self.leave()
        await asyncio.wait(self._keeping, timeout=seconds)
        for each in self._workers.values():
            with suppress(ProcessLookupError):
                each.process.kill()
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        self._desk.close()
        self._folder.cleanup()

    async def _keep(self, number: int) -> None:
        failures = 0
        while not self._leaving.is_set():
            failures = 0 if await self._run(number) else failures + 1
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_seconds(failures)):
                    await self._leaving.wait()

    async def _run(self, number: int) -> bool:
        """Start a process, and return when it has ended: whether it had answered."""
        try:
            process = await self._started(number)
        except OSError as error:
            _log.warning("a worker cannot start", worker=number, error=str(error))
            return False
        worker = self._workers[number] = _Worker(process, address_of(self._directory, number))
        if self._leaving.is_set():  # it has not heard of it
            worker.leave()
        await self._watch(number, worker)
        del self._workers[number]
        if worker.said is not None:
            self._ended = merged([], [self._ended, worker.said])
        if not self._leaving.is_set():
            _log.warning("a worker ended", worker=number, exit_code=process.returncode)
        return worker.said is not None

    async def _started(self, number: int) -> Process:
        descriptor = self._listener.fileno()
        place = map(str, (descriptor, self._directory, number, self._number))
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "perennial_predictor.workers.worker", *place),
            stdin=PIPE,  # it ends when this process does
            pass_fds=[descriptor],
        )

    async def _watch(self, number: int, worker: _Worker) -> None:
        """Return when a process has ended; one that answers no more is ended."""
        patience = _PATIENCE
        while worker.process.returncode is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await worker.process.wait()
                    return
            if await worker.listen() or worker.said is None:  # it may still begin
                patience = _PATIENCE
                continue
            patience -= 1
            if patience == 0:
                _log.warning("a worker hangs", worker=number)
                worker.process.kill()


class _Worker:
    """A process.

    Args:
        process: That was started.
        address: Where it answers.
    """

    def __init__(self, process: Process, address: Path) -> None:
        self.process = process
        self.said: bytes | None = None
        """What it measured, as it said last."""
        self.is_late = False
        """Whether it did not answer in time, so that nobody should wait for it."""
        self._address = address

    def leave(self) -> None:
        """Have it drain."""
        with suppress(ProcessLookupError):
            self.process.terminate()

    async def listen(self) -> bool:
        """Hear what it measured, and return whether it says so."""
        try:
            self.said = await ask(self._address, b"", _LISTEN_SECONDS)
        except OSError as error:
            self.is_late = isinstance(error, TimeoutError)
            return False
        self.is_late = False
        return True


async def hire(predictor: Predictor, listener: socket.socket, workers: int) -> Crew:
    """Return the further processes of a predictor, so that there are so many with the first."""
    folder = TemporaryDirectory(prefix="perennial-")
    answer = speaking(predictor.routes, predictor.follower)
    desk = await answering(address_of(Path(folder.name), 0), answer)
    crew = Crew(workers, listener, folder, desk)
    predictor.metrics.join(crew.exposition)
    return crew


def pause_seconds(failures: int) -> float:
    """Return how long to wait before a process is started, after so many that never answered."""
    return min(_PAUSE_SECONDS * 2.0 ** min(failures, 10), _LONGEST_PAUSE_SECONDS)


def address_of(directory: Path, number: int) -> Path:
    """Return where a process answers; the first has the number 0."""
    return directory / f"{number}.sock"
