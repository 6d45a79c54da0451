"""Connects to Redis and turns its errors into the project's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis.asyncio
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from perennial_core.registry.errors import RegistryRefused, RegistryUnavailable
from perennial_core.settings import RegistrySettings

BLOCK_MILLISECONDS = 5_000
"""How long one read of the event stream waits."""

_SOCKET_TIMEOUT_SECONDS = 15.0
"""Above the block time, or waiting for events would end in a timeout."""

_PASSING = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.BusyLoadingError,
    exceptions.ReadOnlyError,
    exceptions.ClusterDownError,
    exceptions.TryAgainError,
    exceptions.MasterDownError,
    OSError,
)


def connect(settings: RegistrySettings) -> Any:
    """Return a redis.asyncio.Redis; it connects at its first command.

    It answers in bytes, which redis-py's own types do not know; hence Any.

    Raises:
        RegistryRefused: The URL is not one of Redis.
    """
    options: dict[str, Any] = {
        "socket_timeout": _SOCKET_TIMEOUT_SECONDS,
        "socket_connect_timeout": 5.0,
        "socket_keepalive": True,
        "health_check_interval": 30,
        "retry": Retry(ExponentialWithJitterBackoff(base=0.05, cap=1.0), 3),
    }
    if settings.password is not None:
        options["password"] = settings.password.get_secret_value()
    if settings.ca is not None:
        options["ssl_ca_data"] = settings.ca
    try:
        return redis.asyncio.Redis.from_url(settings.url.get_secret_value(), **options)
    except ValueError as error:
        raise RegistryRefused(f"PERENNIAL_REDIS_URL: {error}") from None


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise the project's errors instead of redis-py's."""
    try:
        yield
    except (exceptions.AuthenticationError, exceptions.NoPermissionError) as error:
        raise RegistryRefused(
            f"Redis refuses the credentials: {error}; check the registry Secret's url and password"
        ) from error
    except _PASSING as error:
        raise RegistryUnavailable(f"Redis does not answer: {error}") from error
    except exceptions.OutOfMemoryError as error:
        raise RegistryRefused(
            f"Redis is full: {error}; raise its maxmemory or lower rollout.historyLimit"
        ) from error
    except exceptions.RedisError as error:
        raise RegistryRefused(f"Redis refuses: {error}") from error
