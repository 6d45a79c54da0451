"""What the processes of one predictor ask each other: one question for each connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path


async def answering(
    address: Path, answer: Callable[[bytes], Awaitable[bytes]]
) -> asyncio.AbstractServer:
    """Return a server that answers questions at this address, a socket in the file system."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            question = await reader.readline()
            writer.write(await answer(question.rstrip()))
            await writer.drain()
        except ConnectionError:
            pass  # whoever asked waits no longer
        finally:
            writer.close()

    return await asyncio.start_unix_server(meet, address)


async def ask(address: Path, question: bytes, seconds: float) -> bytes:
    """Return what is answered to a question within so many seconds.

    Raises:
        OSError: Nothing answers there, or not in time.
    """
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_unix_connection(address)
        try:
            writer.write(question + b"\n")
            answer = await reader.read()
        finally:
            writer.close()
    if not answer:
        raise ConnectionError(f"{address.name}: no answer")
    return answer
