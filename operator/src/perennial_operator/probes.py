"""/healthz, /readyz and /metrics of the operator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from perennial_core.errors import UserError


@asynccontextmanager
async def probes(port: int) -> AsyncIterator[None]:
    """Answer probes while the context is open. A replica that waits to lead is ready too.

    Args:
        port: On all addresses; 0 for none.

    Raises:
        UserError: The port is taken.
    """
    app = web.Application()
    app.add_routes(
        [web.get("/healthz", _alive), web.get("/readyz", _alive), web.get("/metrics", _metrics)]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await _listen(runner, port)
        yield
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, port: int) -> None:
    if port:
        try:
            await web.TCPSite(runner, port=port).start()
        except OSError as error:
            raise UserError(f"PERENNIAL_PROBE_PORT: {error.strerror}") from None


async def _alive(_: web.Request) -> web.Response:
    return web.Response(text="ok")


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
