"""Brings owned objects to what is wanted, with as few requests as that takes."""

from __future__ import annotations

from perennial_core.identity import ModelKey
from perennial_operator.cache import Cache
from perennial_operator.cluster import AlreadyExists, Cluster, ClusterRefused
from perennial_operator.difference import contains, edition, is_applied
from perennial_operator.kinds import BY_NAME, JOB, SECRET, Body, ObjectRef


class Applier:
    """Writes what differs, and remembers how it was left."""

    def __init__(self, cluster: Cluster, cache: Cache) -> None:
        self._cluster = cluster
        self._cache = cache
        self._left: dict[ObjectRef, str] = {}

    async def apply(self, key: ModelKey, objects: list[Body]) -> None:
        """Apply the objects that are not as they should be.

        Secrets are written unseen: only together with something else, whose content changes with
        theirs.

        Raises:
            ClusterRefused: An object is not valid, or belongs to somebody else.
        """
        differing = [body for body in objects if not self._is_as_wanted(key, body)]
        if any(body["kind"] != SECRET.name for body in differing):
            for body in differing:
                await self._apply(key, body)

    async def start(self, job: Body) -> None:
        """Create a Job; that it exists already is well."""
        try:
            self._cache.put_owned(await self._cluster.create(JOB, job))
        except AlreadyExists:
            return

    async def delete(self, body: Body) -> None:
        """Delete an object that lives."""
        ref = ObjectRef.of(body)
        await self._cluster.delete(BY_NAME[ref.kind], ref)
        self._left.pop(ref, None)

    def _is_as_wanted(self, key: ModelKey, wanted: Body) -> bool:
        ref = ObjectRef.of(wanted)
        live = self._cache.owned(key, ref)
        if live is None or not is_applied(wanted, live):
            return False
        return self._left.get(ref) == edition(live) or contains(live, wanted)

    async def _apply(self, key: ModelKey, wanted: Body) -> None:
        ref = ObjectRef.of(wanted)
        kind = BY_NAME[ref.kind]
        if kind is not SECRET and self._cache.owned(key, ref) is None:
            await self._check_owner(wanted)
        live = await self._cluster.apply(kind, wanted)
        self._left[ref] = edition(live)
        if kind is not SECRET:
            self._cache.put_owned(live)

    async def _check_owner(self, wanted: Body) -> None:
        """Refuse to take over an object of the same name that is not the model's."""
        ref = ObjectRef.of(wanted)
        live = await self._cluster.get(BY_NAME[ref.kind], ref.namespace, ref.name)
        owner = wanted["metadata"]["ownerReferences"][0]["uid"]
        if live is None or _is_owned_by(live, owner):
            return
        raise ClusterRefused(
            f"{ref} exists and does not belong to this model; rename the model or delete the object"
        )


def _is_owned_by(live: Body, uid: str) -> bool:
    return any(owner["uid"] == uid for owner in live["metadata"].get("ownerReferences", []))
