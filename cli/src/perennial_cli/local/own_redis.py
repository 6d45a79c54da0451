"""The registry of a local run: a Redis of its own, or one that a URL names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

from perennial_cli.journal import Journal
from perennial_cli.local.child_process import how_it_ended
from perennial_cli.local.redis_server import RedisServer
from perennial_cli.local.supervision import supervise
from perennial_core.errors import Outage
from perennial_core.settings import RegistrySettings, Secret, from_environment


class OwnRedis:
    """A Redis that is started again when it crashes; its data is in the directory."""

    def __init__(self, server: RedisServer, journal: Journal) -> None:
        self._server = server
        self._journal = journal

    @property
    def connection(self) -> RegistrySettings:
        """How to get there, whatever our environment says of other Redis servers."""
        return from_environment(
            RegistrySettings, url=Secret(self._server.url), password=None, ca=None
        )

    async def follow(self) -> NoReturn:
        await supervise("Redis", self._run, self._journal)

    async def _run(self) -> str:
        if not self._server.running:
            try:
                await asyncio.to_thread(self._server.start)
            except Outage as error:
                return f"at once: {error}"
        return how_it_ended(await asyncio.to_thread(self._server.wait))


@asynccontextmanager
async def own_redis(directory: Path, journal: Journal) -> AsyncIterator[OwnRedis]:
    """Run a Redis while the context is open; at its end the data is on disk."""
    server = RedisServer(directory)
    try:
        await asyncio.to_thread(server.start)
        yield OwnRedis(server, journal)
    finally:
        await asyncio.to_thread(server.stop)
