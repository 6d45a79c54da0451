"""Asks predictor pods how they fare. The only module that talks to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol, Self

import aiohttp

from perennial_operator.kinds import Body
from perennial_operator.observe import is_going, is_ready
from perennial_operator.pod_report import PodReport, read_report, silent

_SECONDS = 2.0
"""A pod that takes longer to answer does not answer."""
_AT_ONCE = 64
"""How many pods are asked at the same time."""


class Predictors(Protocol):
    """The predictor pods, as they speak for themselves."""

    async def reports(self, pods: Iterable[Body]) -> tuple[PodReport, ...]:
        """Return what each ready pod says; one that does not answer says nothing of a version."""

    async def problem(self, pods: Iterable[Body]) -> str | None:
        """Return why a pod cannot serve the version that it should; None: none says so."""


class HttpPredictors(AbstractAsyncContextManager["HttpPredictors"]):
    """Asks the pods over HTTP, at their own addresses."""

    def __init__(self) -> None:
        # connections are not kept: a predictor that ends would wait for them
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def reports(self, pods: Iterable[Body]) -> tuple[PodReport, ...]:
        """Return what each ready pod says on /metrics."""
        asked = (self._report(pod) for pod in pods if is_ready(pod))
        return tuple(await asyncio.gather(*asked))

    async def problem(self, pods: Iterable[Body]) -> str | None:
        """Return what the first pod that has a problem, and may not be ready, says on /readyz."""
        asked = (self._problem(pod) for pod in pods if not is_going(pod))
        said = await asyncio.gather(*asked)
        return next((problem for problem in said if problem), None)

    async def _report(self, pod: Body) -> PodReport:
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        try:
            return read_report(name, uid, await self._get(pod, "/metrics"))
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError, LookupError):
            return silent(name, uid)

    async def _problem(self, pod: Body) -> str | None:
        try:
            problem = json.loads(await self._get(pod, "/readyz")).get("problem")
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError, LookupError):
            return None
        return str(problem) if problem else None

    async def _get(self, pod: Body, path: str) -> str:
        async with self._turn, self._session.get(_address(pod) + path) as response:
            return await response.text()


def _address(pod: Body) -> str:
    """Return where a pod listens: it says so itself, for the model's port may have changed since.

    Raises:
        LookupError: It is no predictor.
    """
    containers = {container["name"]: container for container in pod["spec"]["containers"]}
    port = containers["predictor"]["ports"][0]["containerPort"]
    ip: str = pod["status"].get("podIP", "")
    return f"http://[{ip}]:{port}" if ":" in ip else f"http://{ip}:{port}"
