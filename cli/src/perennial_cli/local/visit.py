"""Opens the registry of a local model: that of the run at work, or for the moment its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from perennial_cli.journal import Journal
from perennial_cli.local.own_redis import own_redis
from perennial_cli.local.running import Running, read_running
from perennial_cli.local.state_directory import DirectoryInUse, StateDirectory
from perennial_core.registry import Registry
from perennial_core.settings import RegistrySettings, Secret, from_environment

_PATIENCE_SECONDS = 20.0
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Visit:
    """A registry, and the run that works on it, if one does."""

    registry: Registry
    running: Running | None
    asked: Path
    """The file that tells of the run that was asked for last."""


@asynccontextmanager
async def visit(state: StateDirectory, redis_url: str | None) -> AsyncIterator[Visit]:
    """Open the registry of a model while the context is open.

    Args:
        state: The model's state directory; while no run is at work it is held alone.
        redis_url: The Redis to use where no run is at work; None: one of the directory's own.

    Raises:
        UserError: The directory cannot be used.
        Outage: The registry does not answer.
    """
    async with AsyncExitStack() as stack:
        running = await _running_or_alone(state, stack)
        settings = running.settings() if running else await _settings(state, redis_url, stack)
        registry = await stack.enter_async_context(Registry.from_settings(settings))
        await registry.ping()
        yield Visit(registry, running, state.asked)


async def _running_or_alone(state: StateDirectory, stack: AsyncExitStack) -> Running | None:
    """Return the run at work, or None once the directory is held."""
    try:
        await stack.enter_async_context(alone(state))
    except DirectoryInUse:
        if (running := read_running(state.running)) is None:
            raise
        return running
    return None


@asynccontextmanager
async def alone(state: StateDirectory) -> AsyncIterator[None]:
    """Hold a state directory; what another command does there is soon done, and waited for.

    Raises:
        DirectoryInUse: A run is at work there.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(state.locked())
                break
            except DirectoryInUse:
                if read_running(state.running) is not None or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)
        state.running.unlink(missing_ok=True)  # of a run that was killed
        yield


async def _settings(
    state: StateDirectory, redis_url: str | None, stack: AsyncExitStack
) -> RegistrySettings:
    if redis_url is not None:
        return from_environment(RegistrySettings, url=Secret(redis_url))
    redis = await stack.enter_async_context(own_redis(state.redis, Journal()))
    return redis.connection
