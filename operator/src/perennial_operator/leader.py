"""Replicas agree on a leader by a Lease, so that only one of them acts.

The protocol is that of client-go's leaderelection: a holder renews its Lease; others take it over
when it was not renewed for its duration, as seen on their own clock. Every request is bounded by
the renew deadline, so a leader that cannot reach the API server stops before another may start.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from perennial_core.errors import Outage, UserError
from perennial_operator.cluster import AlreadyExists, Cluster
from perennial_operator.kinds import LEASE, Body

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Timing:
    """Seconds, as in client-go."""

    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0


class LeadershipLost(Outage):
    """Another replica may lead from now on."""


class Leader:
    """Waits until this replica leads, and keeps it so."""

    def __init__(
        self, cluster: Cluster, namespace: str, name: str, identity: str, timing: Timing
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._timing = timing
        self._seen: tuple[Any, float] = (None, 0.0)
        self._renewed = 0.0
        """When the last request was sent by which this replica holds the Lease."""
        self.leads = False

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work as soon as this replica leads, and end it when it no longer does.

        Raises:
            LeadershipLost: The Lease could not be renewed in time.
        """
        await self._acquire()
        self.leads = True
        working = asyncio.ensure_future(work())
        renewing = asyncio.ensure_future(self._renew())
        try:
            await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.leads = False
            lost = renewing.done()
            for task in (working, renewing):
                task.cancel()
            results = await asyncio.gather(working, renewing, return_exceptions=True)
            if not lost:
                await self._release()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _acquire(self) -> None:
        _log.info("waiting to lead", lease=self._name)
        while True:
            try:
                async with asyncio.timeout(self._timing.renew_deadline):
                    if await self._try():
                        _log.info("leading", identity=self._identity)
                        return
            except (Outage, UserError, TimeoutError) as error:
                _log.warning("lease not acquired", error=str(error) or "timed out")
            await asyncio.sleep(self._timing.retry_period)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._timing.retry_period)
            left = self._renewed + self._timing.renew_deadline - time.monotonic()
            try:
                async with asyncio.timeout(left):
                    if not await self._try():
                        raise LeadershipLost("another replica holds the lease")
            except LeadershipLost:
                raise
            except (Outage, UserError, TimeoutError) as error:
                if time.monotonic() - self._renewed >= self._timing.renew_deadline:
                    raise LeadershipLost("the lease was not renewed in time") from error

    async def _try(self) -> bool:
        """Take or renew the Lease; return whether it is this replica's."""
        sent = time.monotonic()
        lease = await self._cluster.get(LEASE, self._namespace, self._name)
        try:
            if lease is None:
                await self._cluster.create(LEASE, self._claimed(None))
            elif self._is_held_by_another(lease):
                return False
            else:
                await self._cluster.replace(LEASE, self._claimed(lease))
        except AlreadyExists:
            return False
        self._renewed = sent
        return True

    def _is_held_by_another(self, lease: Body) -> bool:
        spec = lease.get("spec", {})
        record = (spec.get("holderIdentity"), spec.get("renewTime"))
        if record != self._seen[0]:
            self._seen = (record, time.monotonic())
        if spec.get("holderIdentity") in (None, "", self._identity):
            return False
        duration = float(spec.get("leaseDurationSeconds", self._timing.lease_duration))
        return time.monotonic() - self._seen[1] < duration

    def _claimed(self, lease: Body | None) -> Body:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        old = (lease or {}).get("spec", {})
        mine = old.get("holderIdentity") == self._identity
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._timing.lease_duration),
            "acquireTime": old.get("acquireTime", now) if mine else now,
            "renewTime": now,
            "leaseTransitions": old.get("leaseTransitions", 0) + (0 if mine else 1),
        }
        return {**(lease or self._new_lease()), "spec": spec}

    def _new_lease(self) -> Body:
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": {"namespace": self._namespace, "name": self._name},
        }

    async def _release(self) -> None:
        """Let another replica lead at once."""
        try:
            async with asyncio.timeout(self._timing.renew_deadline):
                lease = await self._cluster.get(LEASE, self._namespace, self._name)
                if lease and lease.get("spec", {}).get("holderIdentity") == self._identity:
                    lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                    await self._cluster.replace(LEASE, lease)
        except (Outage, UserError, TimeoutError) as error:
            _log.warning("lease not released", error=str(error) or "timed out")
