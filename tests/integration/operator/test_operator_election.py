"""Replicas agree on one leader by a Lease on the real API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from hanging_proxy import HangingProxy, hanging_proxy
from kubernetes.aio import client
from operator_bench import CountingCluster, eventually, running

from perennial_operator.cluster import Cluster
from perennial_operator.kinds import LEASE, ObjectRef
from perennial_operator.leader import Leader, LeadershipLost, Timing

QUICK = Timing(lease_duration=3.0, renew_deadline=2.0, retry_period=0.3)
NAME = "perennial-operator"


@dataclass
class Office:
    """Notes who leads; two at the same time would be wrong."""

    leading: list[str] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def work(self, name: str) -> None:
        assert self.leading == [], f"{self.leading} leads still"
        self.leading.append(name)
        try:
            await self.ended.wait()
        finally:
            self.leading.remove(name)

    async def is_held_by(self, name: str) -> None:
        async def look() -> list[str]:
            return self.leading

        await eventually(look, lambda leading: leading == [name])


@pytest.fixture
def office() -> Office:
    return Office()


def replica(cluster: Cluster, namespace: str, office: Office, name: str) -> asyncio.Task[None]:
    leader = Leader(cluster, namespace, NAME, name, QUICK)
    return asyncio.ensure_future(leader.run(lambda: office.work(name)))


async def holder(api: CountingCluster, namespace: str) -> str | None:
    lease = await api.get(LEASE, namespace, NAME)
    assert lease is not None
    found: str | None = lease["spec"].get("holderIdentity")
    return found


async def test_one_of_two_leads_and_the_other_waits(
    api: CountingCluster, namespace: str, office: Office
) -> None:
    async with (
        running(replica(api, namespace, office, "one")),
        running(replica(api, namespace, office, "two")),
    ):

        async def look() -> list[str]:
            return list(office.leading)

        (first,) = await eventually(look, bool)
        await asyncio.sleep(QUICK.lease_duration + 1)

        assert office.leading == [first]
        assert await holder(api, namespace) == first


async def test_a_leader_that_stops_lets_the_next_lead_at_once(
    api: CountingCluster, namespace: str, office: Office
) -> None:
    slow = Timing(lease_duration=600.0, renew_deadline=500.0, retry_period=0.2)
    stopping = asyncio.ensure_future(
        Leader(api, namespace, NAME, "one", slow).run(lambda: office.work("one"))
    )
    await office.is_held_by("one")
    waiting = asyncio.ensure_future(
        Leader(api, namespace, NAME, "two", slow).run(lambda: office.work("two"))
    )
    async with running(waiting):
        await asyncio.sleep(0.5)
        stopping.cancel()

        await office.is_held_by("two")


async def test_work_that_fails_lets_the_next_lead_at_once_and_tells(
    api: CountingCluster, namespace: str, office: Office
) -> None:
    slow = Timing(lease_duration=600.0, renew_deadline=500.0, retry_period=0.2)

    async def fail() -> None:
        raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        await Leader(api, namespace, NAME, "one", slow).run(fail)

    assert await holder(api, namespace) == ""
    async with running(replica(api, namespace, office, "two")):
        await office.is_held_by("two")


async def test_a_leader_that_dies_is_followed_when_its_lease_has_run_out(
    api: CountingCluster, namespace: str, office: Office
) -> None:
    dead = Leader(api, namespace, NAME, "dead", QUICK)
    await dead._acquire()

    async with running(replica(api, namespace, office, "two")):
        await asyncio.sleep(QUICK.retry_period * 3)
        assert office.leading == []
        await office.is_held_by("two")


async def test_a_leader_whose_lease_was_taken_stops(
    api: CountingCluster, namespace: str, office: Office
) -> None:
    work = replica(api, namespace, office, "one")
    await office.is_held_by("one")
    other = {"spec": {"holderIdentity": "other", "leaseDurationSeconds": 600}}
    await api.merge(LEASE, ObjectRef(LEASE.name, namespace, NAME), other)

    with pytest.raises(LeadershipLost, match="another replica"):
        await work

    assert office.leading == []
    assert await holder(api, namespace) == "other", "a lease of others is not released"


async def test_a_lease_that_others_edit_stays_the_leader_s(
    api: CountingCluster, namespace: str, office: Office
) -> None:
    """Such as helm, which labels it."""
    async with running(replica(api, namespace, office, "one")) as work:
        await office.is_held_by("one")
        ref = ObjectRef(LEASE.name, namespace, NAME)
        for number in range(40):
            await api.merge(LEASE, ref, {"metadata": {"labels": {"number": str(number)}}})
            await asyncio.sleep(0.05)

        assert not work.done()
        assert office.leading == ["one"]


@pytest.fixture
async def proxy(api: CountingCluster) -> AsyncIterator[HangingProxy]:
    server = urlsplit(client.Configuration.get_default_copy().host)
    assert server.hostname is not None
    async with hanging_proxy(server.hostname, server.port or 443) as proxy:
        yield proxy


@pytest.fixture
async def proxied(proxy: HangingProxy) -> AsyncIterator[Cluster]:
    """The API server behind the proxy."""
    configuration = client.Configuration.get_default_copy()
    server = urlsplit(configuration.host)
    configuration.tls_server_name = configuration.tls_server_name or server.hostname
    configuration.host = f"https://127.0.0.1:{proxy.port}"
    async with Cluster(client.ApiClient(configuration)) as cluster:
        yield cluster


async def test_a_leader_that_cannot_reach_the_api_server_stops_before_another_leads(
    api: CountingCluster, proxied: Cluster, proxy: HangingProxy, namespace: str, office: Office
) -> None:
    cut_off = replica(proxied, namespace, office, "one")
    await office.is_held_by("one")
    async with running(replica(api, namespace, office, "two")):
        await asyncio.sleep(QUICK.retry_period * 2)
        proxy.hang()

        with pytest.raises(LeadershipLost, match="not renewed in time"):
            await cut_off
        assert office.leading == [], "nobody leads before the lease has run out"

        await office.is_held_by("two")
