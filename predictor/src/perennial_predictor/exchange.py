"""One request over HTTP and its answer, between uvicorn and the application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Self, cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from perennial_predictor import problems
from perennial_predictor.http_answer import CLOSE


class _Parts:
    """Holds what arrives of a long body in the place of uvicorn's bytearray, which copies it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def __iadd__(self, part: bytes) -> Self:
        self._parts.append(part)
        self._size += len(part)
        return self

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self._parts)


class Exchange:
    """Passes on what uvicorn's cycle receives and sends, within bounds and with less work.

    The wait for a body ends. A whole answer is written at once: uvicorn writes head and body apart,
    which takes as long as to predict, and looks through each header for what a client could have
    slipped in, which ours have no place for.

    Args:
        cycle: The exchange as uvicorn has it.
        app: Answers.
        body_seconds: The longest wait for a further part of the body.
    """

    def __init__(self, cycle: RequestResponseCycle, app: ASGIApp, body_seconds: float) -> None:
        self._cycle = cycle
        self._app = app
        self._body_seconds = body_seconds
        self._start: Message | None = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        self._wait_for_part, self._pass_on = receive, send
        return self._app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        cycle = self._cycle
        if cycle.body and not (cycle.more_body or cycle.disconnected):  # nearly always so
            body, cycle.body = bytes(cycle.body), bytearray()
            cycle.message_event.clear()
            return {"type": "http.request", "body": body, "more_body": False}
        may_wait = cycle.more_body and not cycle.message_event.is_set()
        message = await (self._next_part() if may_wait else self._wait_for_part())
        cycle.body = cast(bytearray, _Parts())  # uvicorn has begun another
        return message

    async def _next_part(self) -> Message:
        """Wait for more of the body.

        Raises:
            Problem: Nothing arrives.
        """
        try:
            async with asyncio.timeout(self._body_seconds):
                return await self._wait_for_part()
        except TimeoutError:
            raise problems.incomplete(self._body_seconds) from None

    async def _send(self, message: Message) -> None:
        start, self._start = self._start, None
        if message["type"] == "http.response.start":
            self._start = message  # until it is known whether the answer is whole
            return
        cycle = self._cycle
        if cycle.flow.write_paused:
            await cycle.flow.drain()
        if cycle.transport.is_closing():
            cycle.disconnected = True  # uvicorn tells only the last of a client's requests
        elif start is None:
            await self._pass_on(message)
        elif message.get("more_body"):
            await self._pass_on(start)
            await self._pass_on(message)
        else:
            self._write(start, message.get("body", b""))

    def _write(self, start: Message, body: bytes) -> None:
        """Write a whole answer, and do what uvicorn does with the last part of one."""
        cycle = self._cycle
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.transport.write(self._written(start, body))
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()

    def _written(self, start: Message, body: bytes) -> bytes:
        cycle = self._cycle
        headers = [*cycle.default_headers, *start["headers"]]
        if CLOSE in headers:
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            headers.append(CLOSE)
        lines = [b"%b: %b\r\n" % header for header in headers]
        content = b"" if cycle.scope["method"] == "HEAD" else body
        return b"".join((STATUS_LINE[start["status"]], *lines, b"\r\n", content))
