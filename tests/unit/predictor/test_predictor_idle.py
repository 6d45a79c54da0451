"""Connections that nobody uses any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from raw_connection import request
from starlette.types import Receive, Scope, Send

from perennial_predictor.drain import Drain
from perennial_predictor.serve import DrainingServer, listening_socket

_PATIENCE_SECONDS = 20


class SlowApp:
    """Answers ``/slow`` when it may, and all else at once."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            await self.may_answer.wait()
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


class Client:
    """A connection to a server at this port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, sent: bytes) -> None:
        self._writer.write(sent)

    async def answer(self) -> bytes:
        """Return the body of the next answer."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await self._reader.readuntil(b"\r\n\r\n")
            return await self._reader.readexactly(2)

    async def is_closed(self) -> bool:
        """Wait until the server closes, and return whether it does so with nothing more to say."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await self._reader.read() == b""

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def clients(app: SlowApp, number: int) -> AsyncIterator[list[Client]]:
    """Yield connections to a server of this application."""
    with listening_socket("127.0.0.1", 0) as listener:
        server = DrainingServer(app, Drain(0, 0), body_seconds=5)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        port = listener.getsockname()[1]
        opened = [Client(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(number)]
        try:
            yield opened
        finally:
            for client in opened:
                client.close()
            server.should_exit = True
            await serving


async def test_a_connection_without_a_request_for_long_is_closed_and_one_with_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("perennial_predictor.serve._KEEP_ALIVE_SECONDS", 0.2)
    app = SlowApp()
    async with clients(app, 3) as (slow, idle, silent):
        slow.send(request("GET", "/slow") + request("GET", "/"))
        idle.send(request("GET", "/"))
        assert await idle.answer() == b"ok"
        assert await idle.is_closed()
        assert await silent.is_closed()
        app.may_answer.set()
        assert [await slow.answer(), await slow.answer()] == [b"ok", b"ok"]
        assert await slow.is_closed()


async def test_an_idle_connection_stays_open_as_long_as_clients_keep_theirs() -> None:
    async with clients(SlowApp(), 2) as (idle, silent):
        idle.send(request("GET", "/"))
        assert await idle.answer() == b"ok"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await idle.is_closed()
        idle.send(request("GET", "/"))
        silent.send(request("GET", "/"))
        assert [await idle.answer(), await silent.answer()] == [b"ok", b"ok"]
