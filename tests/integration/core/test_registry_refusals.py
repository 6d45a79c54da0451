"""What the registry says when Redis refuses, is full or is not there."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import NOW, manifest_body
from registry_audit import registry_faults, registry_keys
from serving import APPROVAL, approve_and_serve

from perennial_cli.local.redis_server import RedisServer, free_port
from perennial_core.identity import ModelKey, Version, digest_of
from perennial_core.registry import (
    Publication,
    Registry,
    RegistryRefused,
    RegistryUnavailable,
    Run,
    RunOutcome,
    Serving,
)
from perennial_core.registry.keys import EVENTS
from perennial_core.settings import MEBIBYTE, RegistrySettings

KEY = ModelKey("tests", "refusals")
RUN = Run(run_id="r", outcome=RunOutcome.SKIPPED, started=NOW, ended=NOW, message="unchanged")


@pytest.fixture
def registry_settings(own_redis: RedisServer) -> RegistrySettings:
    return RegistrySettings.of({"url": own_redis.url})


async def publish(registry: Registry, artifact: bytes, run: str = "run") -> Publication:
    return await registry.publish(KEY, manifest_body(KEY, artifact, run), artifact, started=NOW)


EVERY_KIND_OF_STEP: list[Callable[[Registry], Awaitable[object]]] = [
    lambda registry: registry.ping(),
    lambda registry: registry.latest(KEY),
    lambda registry: registry.snapshot(KEY),
    lambda registry: registry.artifact(KEY, digest_of(b"")),
    lambda registry: publish(registry, b"artifact"),
    lambda registry: registry.record_run(KEY, RUN),
    lambda registry: registry.set_serving(KEY, Serving(version=Version(1), digest=digest_of(b""))),
    lambda registry: registry.decide(KEY, Version(1), APPROVAL),
    lambda registry: registry.retain(KEY, limit=1, protected=[]),
    lambda registry: registry.purge(KEY),
    lambda registry: anext(registry.events()),
]


async def test_a_redis_that_is_not_there_is_an_outage() -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    async with Registry.from_settings(RegistrySettings.of({"url": url})) as registry:
        for step in EVERY_KIND_OF_STEP:
            with pytest.raises(RegistryUnavailable, match=r"Redis does not answer: .*127\.0\.0\.1"):
                await step(registry)


async def test_a_wrong_password_is_refused_with_what_to_do(
    own_redis: RedisServer, client: Any
) -> None:
    await client.config_set("requirepass", "right & proper")
    for password in ("wrong", None):
        settings = RegistrySettings.of({"url": own_redis.url, "password": password})
        async with Registry.from_settings(settings) as registry:
            with pytest.raises(RegistryRefused, match="check the registry Secret's url and"):
                await registry.latest(KEY)


async def test_a_password_may_stand_beside_the_url_or_in_it(
    own_redis: RedisServer, client: Any
) -> None:
    await client.config_set("requirepass", "right & proper/")
    beside = RegistrySettings.of({"url": own_redis.url, "password": "right & proper/"})
    inside = RegistrySettings.of(
        {"url": own_redis.url.replace("://", "://:right%20&%20proper%2F@")}
    )
    for settings in (beside, inside):
        async with Registry.from_settings(settings) as registry:
            await registry.ping()


async def test_a_user_without_the_right_to_a_key_is_refused_with_what_to_do(
    own_redis: RedisServer, client: Any
) -> None:
    await client.acl_setuser("u", enabled=True, passwords=["+p"], keys=["x"], commands=["+@all"])
    url = own_redis.url.replace("://", "://u:p@")
    async with Registry.from_settings(RegistrySettings.of({"url": url})) as registry:
        for step in (registry.latest(KEY), publish(registry, b"artifact"), registry.serving(KEY)):
            with pytest.raises(RegistryRefused, match="let its ACL do so"):
                await step


async def test_a_publish_is_done_though_nobody_can_be_told(
    own_redis: RedisServer, client: Any
) -> None:
    keys = [f"perennial:{{{KEY}}}:*"]
    await client.acl_setuser("u", enabled=True, passwords=["+p"], keys=keys, commands=["+@all"])
    url = own_redis.url.replace("://", "://u:p@")
    async with Registry.from_settings(RegistrySettings.of({"url": url})) as registry:
        assert await publish(registry, b"artifact") == Publication(Version(1), False)
        await registry.record_run(KEY, RUN)
        await approve_and_serve(registry, KEY, 1, digest_of(b"artifact"))
    assert await registry_faults(client, KEY) == []
    assert await client.exists(EVENTS) == 0


async def test_a_full_redis_refuses_and_nothing_is_half_written(
    registry: Registry, client: Any
) -> None:
    await publish(registry, b"first", "run-1")
    await publish(registry, b"second", "run-2")
    before = await registry_keys(client, KEY)
    used = (await client.info("memory"))["used_memory"]
    await client.config_set("maxmemory", used + MEBIBYTE)
    with pytest.raises(RegistryRefused, match=r"Redis is full: .*rollout\.historyLimit"):
        await publish(registry, bytes(4 * MEBIBYTE), "run-large")
    await client.config_set("maxmemory", 1)
    for step in (publish(registry, b"small", "run-3"), registry.record_run(KEY, RUN)):
        with pytest.raises(RegistryRefused, match=r"Redis is full: .*rollout\.historyLimit"):
            await step
    assert await registry_keys(client, KEY) == before
    assert await registry_faults(client, KEY) == []


async def test_a_full_redis_still_serves_and_lets_go(registry: Registry, client: Any) -> None:
    await publish(registry, b"first", "run-1")
    await publish(registry, b"second", "run-2")
    await client.config_set("maxmemory", 1)
    assert await registry.artifact(KEY, digest_of(b"second")) == b"second"
    assert (await registry.snapshot(KEY)).versions == (1, 2)
    assert await registry.retain(KEY, limit=1, protected=[]) == [1]
    await registry.purge(KEY)
    assert await registry_keys(client, KEY) == set()


async def test_a_redis_that_became_a_replica_is_an_outage(registry: Registry, client: Any) -> None:
    await publish(registry, b"first", "run-1")
    await client.replicaof("127.0.0.1", str(free_port()))
    for step in (publish(registry, b"second", "run-2"), registry.record_run(KEY, RUN)):
        with pytest.raises(RegistryUnavailable, match="read only replica"):
            await step


async def test_too_few_replicas_are_an_outage(registry: Registry, client: Any) -> None:
    await client.config_set("min-replicas-to-write", 1)
    with pytest.raises(RegistryUnavailable, match="Not enough good replicas"):
        await registry.record_run(KEY, RUN)


async def test_a_key_of_another_type_is_refused_by_its_name(
    registry: Registry, client: Any
) -> None:
    await client.set(f"perennial:{{{KEY}}}:runs", "text")
    with pytest.raises(RegistryRefused, match="WRONGTYPE"):
        await registry.runs(KEY)


# TLS


def certificate(directory: Path, name: str) -> Path:
    """Make a certificate for 127.0.0.1 that is its own authority; its key lies beside it."""
    file = directory / f"{name}.crt"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", f"/CN={name}"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(file.with_suffix(".key")), "-out", str(file)),
        ],
        check=True,
        capture_output=True,
    )
    return file


@pytest.fixture
def tls_redis(executable: str, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The URL of a Redis that speaks TLS, and the certificate that it shows."""
    probe = subprocess.run([executable, "--tls-port", "1"], capture_output=True, text=True)
    if "Bad directive" in probe.stdout + probe.stderr:
        pytest.skip(f"{executable} is built without TLS")
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on PATH")
    file, port = certificate(tmp_path, "redis"), free_port()
    arguments = [
        *("--tls-port", str(port), "--tls-auth-clients", "no", "--tls-ca-cert-file", str(file)),
        *("--tls-cert-file", str(file), "--tls-key-file", str(file.with_suffix(".key"))),
    ]
    with RedisServer(tmp_path / "tls", executable, *arguments):
        yield f"rediss://127.0.0.1:{port}/0", file


async def test_tls_with_an_authority_of_ones_own(tls_redis: tuple[str, Path]) -> None:
    url, authority = tls_redis
    settings = RegistrySettings.of({"url": url, "ca": authority.read_text()})
    async with Registry.from_settings(settings) as registry:
        assert await publish(registry, b"artifact") == Publication(Version(1), False)
        assert await registry.artifact(KEY, digest_of(b"artifact")) == b"artifact"


async def test_a_certificate_of_another_authority_is_refused_with_what_to_do(
    tls_redis: tuple[str, Path], tmp_path: Path
) -> None:
    url, authority = tls_redis
    other = certificate(tmp_path, "other").read_text()
    wrong_host = url.replace("127.0.0.1", "localhost")
    for settings in (
        RegistrySettings.of({"url": url, "ca": other}),
        RegistrySettings.of({"url": url}),
        RegistrySettings.of({"url": wrong_host, "ca": authority.read_text()}),
    ):
        async with Registry.from_settings(settings) as registry:
            with pytest.raises(RegistryRefused, match=r"certificate is not trusted: .*Secret's ca"):
                await registry.ping()
