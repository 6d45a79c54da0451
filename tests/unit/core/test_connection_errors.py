"""What the user is told of what Redis answers, and of settings that cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from redis import exceptions
from redis._parsers.base import BaseParser

from perennial_core.errors import PerennialError
from perennial_core.registry import RegistryRefused, RegistryUnavailable
from perennial_core.registry.connection import connect, translated_errors
from perennial_core.settings import RegistrySettings


def connect_to(settings: RegistrySettings) -> Any:
    return connect(settings, seconds=1)


IN_SCRIPT = "ERR Error running script (call to f_7ea1): @user_script:9: @user_script: 9: -{}"
"""How Redis 6 tells of a command within a script; Redis 7 tells of it as of any other."""


def answered(answer: str) -> Exception:
    """Return what redis-py raises for an answer."""
    error: Exception = BaseParser.parse_error(answer)  # type: ignore[no-untyped-call]
    return error


def told(error: Exception) -> PerennialError:
    with pytest.raises(PerennialError) as raised, translated_errors():
        raise error
    return raised.value


@pytest.mark.parametrize("frame", ["{}", IN_SCRIPT])
@pytest.mark.parametrize(
    "answer",
    [
        "BUSY Redis is busy running a script.",
        "CLUSTERDOWN The cluster is down",
        "LOADING Redis is loading the dataset in memory",
        "MASTERDOWN Link with MASTER is down",
        "MISCONF Errors writing to the AOF file: No space left on device",
        "NOREPLICAS Not enough good replicas to write.",
        "READONLY You can't write against a read only replica.",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "UNBLOCKED force unblock from blocking operation",
    ],
)
async def test_what_passes_by_itself_is_an_outage(frame: str, answer: str) -> None:
    error = told(answered(frame.format(answer)))
    assert isinstance(error, RegistryUnavailable)
    assert str(error).startswith("Redis does not answer: ")
    assert answer.partition(" ")[2] in str(error)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ConnectionError("Connection closed by server."),
        exceptions.TimeoutError("Timeout reading from redis:6379"),
        exceptions.MaxConnectionsError("Too many connections"),
        answered("NOSCRIPT No matching script. Please use EVAL."),
        answered("ERR max number of clients reached"),
        ConnectionResetError(104, "Connection reset by peer"),
        TimeoutError(),
    ],
)
async def test_a_connection_that_fails_is_an_outage(error: Exception) -> None:
    assert isinstance(told(error), RegistryUnavailable)


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        ("WRONGPASS invalid username-password pair", "check the registry Secret's url and"),
        ("NOAUTH Authentication required.", "check the registry Secret's url and password"),
        ("ERR invalid password", "check the registry Secret's url and password"),
        ("NOPERM this user has no permissions", "let its ACL do so"),
        ("OOM command not allowed", "raise its maxmemory or lower spec.rollout.historyLimit"),
        (IN_SCRIPT.format("OOM command not allowed"), "raise its maxmemory or lower"),
        ("MOVED 3999 10.0.0.1:6381", "cluster mode disabled"),
        ("WRONGTYPE Operation against a key", "WRONGTYPE Operation against a key"),
        ("ERR unknown command 'XADD'", "unknown command 'XADD'"),
    ],
)
async def test_what_only_the_user_can_repair_says_what_to_do(answer: str, advice: str) -> None:
    error = told(answered(answer))
    assert isinstance(error, RegistryRefused)
    assert advice in str(error)


@pytest.mark.parametrize(
    "url",
    [
        *("", "redis", "redis:host", "http://host", "unix:///run/redis.sock", "rediss:/host"),
        *("redis://:hidden/word@host:6379", "redis://host:hidden", "redis://host:99999999"),
        "redis://[::1:hidden",
    ],
)
def test_a_url_that_is_none_of_redis_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(RegistryRefused, match=r"^PERENNIAL_REDIS_URL: expected redis://") as told:
        connect_to(RegistrySettings.of({"url": url}))
    assert "hidden" not in str(told.value)


def test_an_authority_without_tls_is_refused() -> None:
    with pytest.raises(RegistryRefused, match=r"^PERENNIAL_REDIS_CA: .* write rediss://"):
        connect_to(
            RegistrySettings.of({"url": "redis://host", "ca": "-----BEGIN CERTIFICATE-----"})
        )


@pytest.mark.parametrize("ca", ["text", "-----BEGIN CERTIFICATE-----\nhidden", "ä"])
def test_an_authority_that_is_no_certificate_is_refused(ca: str) -> None:
    with pytest.raises(RegistryRefused, match=r"^PERENNIAL_REDIS_CA: not a certificate in PEM"):
        connect_to(RegistrySettings.of({"url": "rediss://host", "ca": ca}))


@pytest.mark.parametrize("url", ["redis://host", "rediss://host"])
def test_an_empty_authority_or_password_is_none(url: str) -> None:
    client = connect_to(RegistrySettings.of({"url": url, "ca": "", "password": ""}))
    assert client.connection_pool.connection_kwargs.get("ssl_ca_data") is None
