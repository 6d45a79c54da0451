"""The command perennial-operator as a process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession
from operator_bench import IDLE, Bench, Kubelet, eventually, serves

from perennial_cli.local.redis_server import free_port
from perennial_operator.kinds import LEASE
from perennial_operator.main import LEASE_NAME


def environment(bench: Bench, **changes: str | None) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PERENNIAL_")}
    given: dict[str, str | None] = {
        **kept,
        "PERENNIAL_NAMESPACE": bench.namespace,
        "PERENNIAL_WATCH_NAMESPACES": json.dumps([bench.namespace]),
        "PERENNIAL_TRAINER_IMAGE": bench.settings.trainer_image,
        "PERENNIAL_PREDICTOR_IMAGE": bench.settings.predictor_image,
        "PERENNIAL_IMAGE_PULL_POLICY": "Never",
        "PERENNIAL_REDIS_URL": bench.registry_settings.url.get_secret_value(),
        "PERENNIAL_PROBE_PORT": "0",
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


@asynccontextmanager
async def command(
    *arguments: str, env: dict[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "perennial_operator", *arguments),
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def end(process: asyncio.subprocess.Process) -> str:
    """Wait for the end, and return what was printed."""
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    return output.decode()


async def holder(bench: Bench) -> str:
    lease = await bench.cluster.get(LEASE, bench.namespace, LEASE_NAME)
    return (lease or {}).get("spec", {}).get("holderIdentity") or ""


async def test_it_serves_probes_leads_and_ends_on_sigterm_with_its_lease_released(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(IDLE)
    await bench.publish()
    port = free_port()
    one = environment(bench, PERENNIAL_IDENTITY="one", PERENNIAL_PROBE_PORT=str(port))
    async with command("run", env=one) as leading:
        await eventually(lambda: holder(bench), lambda name: name == "one")
        await eventually(bench.model, serves(1))
        async with ClientSession(f"http://127.0.0.1:{port}") as http:
            for path in ("/healthz", "/readyz"):
                assert (await http.get(path)).status == 200
            metrics = await (await http.get("/metrics")).text()
        assert "perennial_operator_leads 1.0" in metrics
        assert "perennial_operator_models 1.0" in metrics
        assert 'perennial_operator_reconciles_total{result="done"}' in metrics

        two = environment(bench, PERENNIAL_IDENTITY="two")
        async with command("run", env=two) as waiting:
            assert waiting.stdout is not None
            async with asyncio.timeout(30):
                while b"waiting to lead" not in await waiting.stdout.readline():
                    pass
            waiting.send_signal(signal.SIGTERM)
            await end(waiting)
            assert waiting.returncode == 0

        assert await holder(bench) == "one"
        leading.send_signal(signal.SIGTERM)
        lines = (await end(leading)).splitlines()
    assert leading.returncode == 0
    assert await holder(bench) == ""
    assert all(json.loads(line)["level"] in ("info", "warning") for line in lines)


async def test_what_keeps_it_from_starting_is_said_in_a_line(bench: Bench) -> None:
    taken = await asyncio.start_server(lambda _, writer: writer.close(), "0.0.0.0", 0)
    port = str(taken.sockets[0].getsockname()[1])
    cases: list[tuple[dict[str, str | None], int, str]] = [
        (
            {"PERENNIAL_TRAINER_IMAGE": None, "PERENNIAL_CONCURRENT_RECONCILES": "many"},
            2,
            "PERENNIAL_TRAINER_IMAGE",
        ),
        ({"KUBECONFIG": "/nowhere"}, 1, "no cluster to connect to"),
        ({"PERENNIAL_PROBE_PORT": port}, 1, "PERENNIAL_PROBE_PORT"),
    ]
    ends = await asyncio.gather(*(start(environment(bench, **changes)) for changes, _, _ in cases))
    taken.close()

    for (changes, code, words), (ended, text) in zip(cases, ends, strict=True):
        assert ended == code, changes
        assert words in text
        assert "Traceback" not in text


async def start(env: dict[str, str]) -> tuple[int | None, str]:
    async with command("run", env=env) as process:
        text = await end(process)
    return process.returncode, text
