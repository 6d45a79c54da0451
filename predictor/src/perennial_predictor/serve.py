"""Runs the application on uvicorn, and lets clients finish before it ends."""

from __future__ import annotations

import asyncio
import math
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, cast

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from perennial_core.errors import UserError
from perennial_predictor import problems
from perennial_predictor.drain import Drain
from perennial_predictor.exchange import Exchange
from perennial_predictor.problems import Problem

_log = structlog.get_logger(__name__)

_KEEP_ALIVE_SECONDS = 75
"""Longer than clients usually keep idle connections, so that they close them, not we."""
_TICKS_A_SECOND = 10

_LONGEST_HEAD = 1024 * 1024
"""In bytes, with what arrives along with it, which may be as much as a socket is read at once."""
_MOST_HEADERS = 1000

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _Protocol(HttpToolsProtocol):
    """Refuses what is not HTTP like any other wrong request: with a problem document.

    So it does with heads that never end, which uvicorn would keep, however long they are.

    What is idle is found by looking at all connections now and then. uvicorn sets a timer for each
    request, which takes a fiftieth of the request's time.

    Args:
        body_seconds: The longest wait for a further part of a body.
        uvicorn: What uvicorn gives its protocols.
    """

    def __init__(self, *, body_seconds: float, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._body_seconds = body_seconds
        self._head_size = 0
        self._idle_since = time.monotonic()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        is_whole = self.cycle is not None and self.cycle.scope is self.scope
        self._head_size = 0 if is_whole else self._head_size + len(data)
        is_too_large = self._head_size > _LONGEST_HEAD or len(self.headers or ()) > _MOST_HEADERS
        if is_too_large and not self.transport.is_closing():
            self._refuse(problems.head_too_large(_MOST_HEADERS))

    def close_if_idle(self, now: float) -> None:
        """Close a connection that has been without a request for long, or that never had one."""
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and now > self._idle_since + _KEEP_ALIVE_SECONDS:
            self.transport.close()

    def on_response_complete(self) -> None:
        """Do what uvicorn does, but for the timer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._idle_since = time.monotonic()
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def send_400_response(self, msg: str) -> None:
        self._refuse(problems.no_http())

    def _refuse(self, problem: Problem) -> None:
        answer = problem.answer(None)
        headers = [*self.server_state.default_headers, *answer.headers]
        lines = [b": ".join(header) + b"\r\n" for header in headers]
        head = [STATUS_LINE[problem.status], *lines, b"\r\n"]
        self.transport.write(b"".join([*head, answer.body]))
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        exchange: Any = Exchange(cycle, app, self._body_seconds)
        super()._start_asgi_task(cycle, exchange)


class Beside(Protocol):
    """What answers beside the server of HTTP."""

    def leave(self) -> None:
        """Clients should leave: the process is about to end."""

    async def stop(self, seconds: float) -> None:
        """Take no more requests, and let those in flight finish within so many seconds."""


class DrainingServer(uvicorn.Server):
    """A server that drains at the first signal and ends at once at the second.

    Args:
        app: Answers over HTTP.
        drain: When to end.
        body_seconds: The longest wait for a further part of a body.
    """

    def __init__(self, app: ASGIApp, drain: Drain, body_seconds: float) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=cast(Any, partial(_Protocol, body_seconds=body_seconds)),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
            )
        )
        self._drain = drain
        self._beside: list[Beside] = []

    def join(self, beside: Beside) -> None:
        """Have something drain and end at the same time."""
        self._beside.append(beside)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals while the server runs; uvicorn enters this around all it does."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._begin_drain)
        yield

    def _begin_drain(self) -> None:
        _log.info("draining")
        self._drain.begin(time.monotonic())
        for each in self._beside:
            each.leave()
        for number in _SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    async def on_tick(self, counter: int) -> bool:
        """Return whether to shut down; uvicorn calls it ten times a second."""
        done = await super().on_tick(counter)
        now, connections = time.monotonic(), self.server_state.connections
        if counter % _TICKS_A_SECOND == 0:
            for connection in connections:
                cast(_Protocol, connection).close_if_idle(now)
        return done or self._drain.accepts_no_more(now, len(connections))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close idle connections and let requests in flight finish."""
        seconds = self._drain.finishing_seconds(time.monotonic())
        self.config.timeout_graceful_shutdown = math.ceil(seconds)
        beside = (each.stop(seconds) for each in self._beside)
        await asyncio.gather(super().shutdown(sockets), *beside)


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to this address.

    Raises:
        UserError: The address cannot be used, for example because another process does.
    """
    is_v6 = ":" in host
    family = socket.AF_INET6 if is_v6 else socket.AF_INET
    both = is_v6 and socket.has_dualstack_ipv6()  # "::" takes IPv4 as well
    try:
        return socket.create_server((host, port), family=family, dualstack_ipv6=both, backlog=2048)
    except OSError as error:
        raise UserError(
            f"cannot listen on {host} port {port}: {error.strerror};"
            " PERENNIAL_HOST and PERENNIAL_PORT name them"
        ) from None
