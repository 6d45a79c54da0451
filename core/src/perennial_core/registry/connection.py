"""Connects to Redis and turns its errors into the project's own."""

from __future__ import annotations

import asyncio
import re
import ssl
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

ANSWER_SECONDS = 15.0
"""How long an answer may take: above the block time, or waiting for events would time out."""

TRANSFER_SECONDS = 120.0
"""How long sending an artifact may take: 256 MiB at a little over 2 MiB/s."""

_PASSING = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.NoScriptError,  # Redis restarted between sending a script and running it
    OSError,
)

_PASSING_CODES = {
    *("BUSY", "LOADING", "MISCONF", "NOREPLICAS", "READONLY", "UNBLOCKED"),
    *("CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN"),
}
"""Answers of a Redis that restarts, fails over or waits for its disk."""

_EXPECTED_URL = (
    "expected redis://[user[:password]@]host[:port][/database] or rediss://...; write special"
    " characters of the password as %xx"
)

_SCRIPT_CODE = re.compile(r"-([A-Z]+) ")


def connect(settings: RegistrySettings, seconds: float) -> Any:
    """Return a redis.asyncio.Redis; it connects at its first command.

    It answers in bytes, which redis-py's own types do not know; hence Any.

    Args:
        settings: Where Redis is.
        seconds: How long one answer may take.

    Raises:
        RegistryRefused: The settings are wrong; the text names the variable.
    """
    url = settings.url.get_secret_value()
    options: dict[str, Any] = {
        "socket_timeout": seconds,
        "socket_connect_timeout": 5.0,
        "socket_keepalive": True,
        "health_check_interval": 30,
        "retry": Retry(ExponentialWithJitterBackoff(base=0.05, cap=1.0), 3),
    }
    if not url.startswith(("redis://", "rediss://")):
        raise RegistryRefused(f"{settings.variable('url')}: {_EXPECTED_URL}")
    if settings.password is not None:
        options["password"] = settings.password.get_secret_value()
    if settings.ca:
        _check_authority(settings, settings.ca)
        options["ssl_ca_data"] = settings.ca
    try:
        return redis.asyncio.Redis.from_url(url, **options)
    except ValueError:  # its text may hold a part of the password
        raise RegistryRefused(f"{settings.variable('url')}: {_EXPECTED_URL}") from None


def _check_authority(settings: RegistrySettings, authority: str) -> None:
    url, ca = settings.variable("url"), settings.variable("ca")
    if not settings.url.get_secret_value().startswith("rediss://"):
        raise RegistryRefused(
            f"{ca}: {url} begins with redis://, which is without TLS; write rediss://, or leave the"
            " certificate authority out"
        )
    try:
        ssl.create_default_context(cadata=authority)
    except (ssl.SSLError, TypeError, ValueError):
        raise RegistryRefused(f"{ca}: not a certificate in PEM format") from None


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise the project's errors instead of redis-py's, and no cancellation of the task less.

    Up to Python 3.11 asyncio.wait_for, with which redis-py sends, loses a cancellation that comes
    just when the sending ends: https://github.com/python/cpython/issues/86296.
    """
    before = _cancellations()
    try:
        yield
    except (exceptions.RedisError, OSError) as error:
        raise _translated(error) from error
    if _cancellations() > before:
        raise asyncio.CancelledError


def _cancellations() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _translated(error: exceptions.RedisError | OSError) -> RegistryRefused | RegistryUnavailable:
    code = _code(error)
    if code == "NOPERM":
        return RegistryRefused(
            f"Redis does not permit it to the user of the registry Secret's url: {error}; let its"
            " ACL do so"
        )
    if isinstance(error, exceptions.AuthenticationError):
        return RegistryRefused(
            f"Redis refuses the credentials: {error}; check the registry Secret's url and password"
        )
    if isinstance(error.__context__, ssl.SSLCertVerificationError):
        return RegistryRefused(
            f"Redis' certificate is not trusted: {error}; check the registry Secret's ca and the"
            " host in its url"
        )
    if isinstance(error, _PASSING) or code in _PASSING_CODES:
        return RegistryUnavailable(f"Redis does not answer: {error}")
    if code == "MOVED":
        return RegistryRefused(
            "Redis is a cluster of several nodes; give PERENNIAL_REDIS_URL a Redis that holds all"
            " keys (ElastiCache: cluster mode disabled)"
        )
    if code == "OOM":
        return RegistryRefused(
            f"Redis is full: {error}; raise its maxmemory or lower spec.rollout.historyLimit"
        )
    return RegistryRefused(f"Redis refuses: {error}")


def _code(error: exceptions.RedisError | OSError) -> str | None:
    """Return the code of Redis' answer, such as OOM; of a script Redis 6 has it in the text."""
    text = str(error)
    if in_script := _SCRIPT_CODE.search(text):
        return in_script[1]
    return getattr(error, "status_code", None) or text.partition(" ")[0]
