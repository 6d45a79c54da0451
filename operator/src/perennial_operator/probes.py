"""/healthz, /readyz and /metrics of the operator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


@asynccontextmanager
async def probes(port: int) -> AsyncIterator[None]:
    """Answer probes while the context is open. A replica that waits to lead is ready too.

    Args:
        port: On all addresses; 0 for none.
    """
    app = web.Application()
    app.add_routes(
        [web.get("/healthz", _alive), web.get("/readyz", _alive), web.get("/metrics", _metrics)]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    if port:
        await web.TCPSite(runner, port=port).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def _alive(_: web.Request) -> web.Response:
    return web.Response(text="ok")


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
