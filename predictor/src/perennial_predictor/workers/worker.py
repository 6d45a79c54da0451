"""A further process of a predictor: ``python -m perennial_predictor.workers.worker``."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

from perennial_core.settings import PredictorSettings, from_environment
from perennial_predictor.assembly import assemble
from perennial_predictor.main import answer_by_grpc, ended, opened_source, run_to_end, starting
from perennial_predictor.serve import DrainingServer
from perennial_predictor.source import VersionSource
from perennial_predictor.workers.crew import address_of
from perennial_predictor.workers.desk import answering
from perennial_predictor.workers.shares import Shares
from perennial_predictor.workers.whole import forwarding


def main(descriptor: str, directory: str, number: str, workers: str) -> None:
    """Answer what is accepted on an inherited socket, until told to end or the first has ended.

    Args:
        descriptor: Of the socket.
        directory: Has the sockets at which the processes ask each other.
        number: Of this process; the first has 0.
        workers: How many there are.
    """
    with socket.socket(fileno=int(descriptor)) as listener, starting(worker=int(number)):
        settings = from_environment(PredictorSettings)
        logging.getLogger().setLevel(settings.log_level)
        place = Path(directory), int(number), int(workers)
        run_to_end(_serve(settings, opened_source(settings), listener, *place))


async def _serve(
    settings: PredictorSettings,
    opened: AbstractAsyncContextManager[VersionSource],
    listener: socket.socket,
    directory: Path,
    number: int,
    workers: int,
) -> None:
    async with opened as source:
        adapted = partial(forwarding, address_of(directory, 0))
        predictor = assemble(settings, source, Shares(workers).threads_for, adapted)
        tasks = [asyncio.create_task(predictor.follower.run()), asyncio.create_task(_orphaned())]
        own = address_of(directory, number)
        own.unlink(missing_ok=True)
        async with await answering(own, lambda _: predictor.metrics.exposition()):
            await predictor.follower.began.wait()
            server = DrainingServer(predictor.application, predictor.drain, settings.body_seconds)
            await answer_by_grpc(predictor, server, beside_first=True)
            await server.serve(sockets=[listener])
        await ended(tasks)
        if predictor.mirror is not None:
            await predictor.mirror.close()


async def _orphaned() -> None:
    """End this process as a signal would, once the first has ended."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    await reader.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(*sys.argv[1:])
