"""Says which version serves, as a controller does once it is approved."""

from __future__ import annotations

from typing import Any

import redis.asyncio
from builders import NOW

from perennial_core.identity import Digest, ModelKey, Version
from perennial_core.registry import Answer, Decision, Event, EventKind, Registry, Serving
from perennial_core.registry.keys import EVENTS, ModelKeys
from perennial_core.settings import RegistrySettings

APPROVAL = Decision(verdict=Answer.APPROVED, by="the gate", reason="it passed", at=NOW)
DENIAL = Decision(verdict=Answer.DENIED, by="alice", reason="too old", at=NOW)


async def approve_and_serve(
    registry: Registry, key: ModelKey, version: int, digest: Digest
) -> None:
    """Approve a published version, and say that it serves."""
    await registry.decide(key, Version(version), APPROVAL)
    await registry.set_serving(key, Serving(version=Version(version), digest=digest))


async def serve_unchecked(settings: RegistrySettings, key: ModelKey, serving: Serving) -> None:
    """Say that a version serves as if it were there and approved: the registry lost it since."""
    client: Any = redis.asyncio.Redis.from_url(settings.url.get_secret_value())
    async with client:
        await client.set(ModelKeys(key).serving, serving.to_bytes())
        hint = Event(key, EventKind.SERVING, serving.version)
        await client.xadd(EVENTS, hint.to_fields())
