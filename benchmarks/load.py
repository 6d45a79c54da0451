"""A load generator for HTTP/1.1: the same request over and over, on connections that stay open.

It does little for each answer, so that the server, on another core, is what is measured.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

import uvloop

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PATIENCE_SECONDS = 30.0

T = TypeVar("T")

Watch = Callable[[float, float, bytearray], None]
"""Is told of each answer: when its request was due, when it came, and all its bytes."""


@dataclass(frozen=True)
class Request:
    """What is sent, and what the answer has to contain: the first one is looked at."""

    data: bytes
    expected: bytes = b""
    status: int = 200

    @classmethod
    def get(cls, target: str, expected: bytes = b"") -> Request:
        return cls(f"GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode(), expected)

    @classmethod
    def post(cls, target: str, body: bytes, expected: bytes = b"", **headers: str) -> Request:
        named = {"content-type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        head = f"POST {target} HTTP/1.1\r\nhost: localhost\r\n{lines}content-length: {len(body)}"
        return cls(head.encode() + _HEAD_END + body, expected)


@dataclass
class Load:
    """What came of it."""

    answers: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    """Seconds from when each request was due to its answer."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    def quantile(self, share: float) -> float:
        """Return the latency in seconds that this share of the requests keeps."""
        ordered = sorted(self.latencies)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class _Connection(asyncio.Protocol):
    """One request at a time; ``answered`` is called with each whole answer."""

    def __init__(self, load: _Generator) -> None:
        self._load = load
        self._buffer = bytearray()
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def ask(self, due: float) -> None:
        self._due = due
        self.transport.write(self._load.request.data)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(_HEAD_END)
        if head < 0:
            return
        length = _LENGTH.search(self._buffer, 0, head)
        if length is None or not self._buffer.startswith(self._load.status_line):
            self._load.fail(bytes(self._buffer[:2000]))
            return
        if len(self._buffer) < head + len(_HEAD_END) + int(length[1]):
            return
        answer, self._buffer = self._buffer, bytearray()
        self._load.answered(self, self._due, answer)

    def connection_lost(self, error: Exception | None) -> None:
        self._load.fail(f"the server closed the connection: {error}".encode())


class _Generator:
    """Asks on some connections: each as soon as it has its answer, or all at a steady rate."""

    def __init__(
        self, request: Request, seconds: float, rate: float | None, watch: Watch | None
    ) -> None:
        self.request = request
        self.status_line = b"HTTP/1.1 %d " % request.status
        self.load = Load()
        self._seconds = seconds
        self._rate = rate
        self._watch = watch
        self._idle: list[_Connection] = []
        self._late: deque[float] = deque()
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, port: int, connections: int) -> Load:
        loop = asyncio.get_running_loop()
        opened = [
            (await loop.create_connection(lambda: _Connection(self), "127.0.0.1", port))[1]
            for _ in range(connections)
        ]
        self._started = time.perf_counter()
        self._end = self._started + self._seconds
        try:
            async with asyncio.timeout(self._seconds + _PATIENCE_SECONDS):
                await self._ask(opened)
        finally:
            self._end = 0.0
            for connection in opened:
                connection.transport.close()
        return self.load

    async def _ask(self, opened: list[_Connection]) -> None:
        if self._rate is None:
            for connection in opened:
                connection.ask(self._started)
        else:
            self._idle = opened
            await self._pace(self._rate)
        await self._done

    async def _pace(self, rate: float) -> None:
        """Send when a request is due, or as soon after as a connection is free."""
        sent = 0
        while (now := time.perf_counter()) < self._end:
            for number in range(sent, int((now - self._started) * rate)):
                self._late.append(self._started + number / rate)
                sent = number + 1
            self._send_due()
            await asyncio.sleep(0.0005)
        self._finish()

    def _send_due(self) -> None:
        while self._late and self._idle:
            self._idle.pop().ask(self._late.popleft())

    def answered(self, connection: _Connection, due: float, answer: bytearray) -> None:
        now = time.perf_counter()
        if not self.load.answers and self.request.expected not in answer:
            self.fail(bytes(answer[:2000]))
        self.load.answers += 1
        self.load.latencies.append(now - due)
        if self._watch is not None:
            self._watch(due, now, answer)
        if now >= self._end:
            self._finish()
        elif self._rate is None:
            connection.ask(now)
        else:
            self._idle.append(connection)
            self._send_due()

    def _finish(self) -> None:
        self.load.seconds = time.perf_counter() - self._started
        if not self._done.done():
            self._done.set_result(None)

    def fail(self, answer: bytes) -> None:
        if not self._done.done() and self._end:
            self._done.set_exception(RuntimeError(answer.decode("utf-8", "replace")))


def generate(
    port: int, request: Request, *, seconds: float, connections: int, rate: float | None = None
) -> Load:
    """Send a request over and over, and return what came of it.

    Args:
        port: Of a server on this machine.
        request: What is sent.
        seconds: How long.
        connections: How many are open at once.
        rate: Requests a second; by default each connection asks again once it has its answer.

    Raises:
        RuntimeError: An answer was not 200, or not what is expected; the text is the answer.
    """
    return run(generating(port, request, seconds=seconds, connections=connections, rate=rate))


async def generating(
    port: int,
    request: Request,
    *,
    seconds: float,
    connections: int,
    rate: float | None = None,
    watch: Watch | None = None,
) -> Load:
    """Do the same beside other work; ``watch`` is told of each answer."""
    return await _Generator(request, seconds, rate, watch).run(port, connections)


def run(work: Awaitable[T]) -> T:
    """Run to its end on uvloop."""

    async def awaited() -> T:
        return await work

    return uvloop.run(awaited())
