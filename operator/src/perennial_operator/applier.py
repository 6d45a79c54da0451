"""Brings owned objects to what is wanted, with as few requests as that takes."""

from __future__ import annotations

from collections import defaultdict

from perennial_core.identity import ModelKey
from perennial_operator.cache import Cache
from perennial_operator.cluster import AlreadyExists, Cluster, ClusterRefused
from perennial_operator.difference import contains, edition, is_marked, is_owned_by
from perennial_operator.kinds import BY_NAME, JOB, SECRET, Body, ObjectRef


class Applier:
    """Writes what differs, and remembers how it was left."""

    def __init__(self, cluster: Cluster, cache: Cache) -> None:
        self._cluster = cluster
        self._cache = cache
        self._left: defaultdict[ModelKey, dict[ObjectRef, str]] = defaultdict(dict)

    async def apply(self, key: ModelKey, objects: list[Body], *, doubt: bool = False) -> None:
        """Apply the objects that are not as they should be, in this order.

        Secrets are written unseen: only together with something else, whose content changes with
        theirs, or in doubt.

        Args:
            key: The model that they belong to.
            objects: What is wanted.
            doubt: Whether something is wrong with the model, so that its Secrets may be at fault.

        Raises:
            ClusterRefused: An object is not valid, or belongs to somebody else.
        """
        differing = [body for body in objects if not self._is_as_wanted(key, body)]
        if doubt or any(body["kind"] != SECRET.name for body in differing):
            for body in differing:
                await self._apply(key, body)

    async def start(self, key: ModelKey, job: Body) -> str | None:
        """Create a Job, and return its uid; that it exists already is well.

        Returns:
            None: it exists, and is not known here yet.
        """
        live = self._cache.owned(key, ObjectRef.of(job))
        if live is None:
            try:
                live = await self._cluster.create(JOB, job)
            except AlreadyExists:
                return None
            self._cache.put_owned(live)
        uid: str = live["metadata"]["uid"]
        return uid

    async def delete(self, key: ModelKey, body: Body) -> None:
        """Delete an object that lives."""
        ref = ObjectRef.of(body)
        await self._cluster.delete(BY_NAME[ref.kind], ref)
        self._left[key].pop(ref, None)

    def forget(self, key: ModelKey) -> None:
        """Forget a model that is gone."""
        self._left.pop(key, None)

    def _is_as_wanted(self, key: ModelKey, wanted: Body) -> bool:
        ref = ObjectRef.of(wanted)
        live = self._cache.owned(key, ref)
        if live is None or not is_marked(live, wanted):
            return False
        return self._left[key].get(ref) == edition(live) or contains(live, wanted)

    async def _apply(self, key: ModelKey, wanted: Body) -> None:
        ref = ObjectRef.of(wanted)
        kind = BY_NAME[ref.kind]
        if self._cache.owned(key, ref) is None:
            await self._check_owner(wanted)
        live = await self._cluster.apply(kind, wanted)
        if kind is not SECRET:
            self._left[key][ref] = edition(live)
            self._cache.put_owned(live)

    async def _check_owner(self, wanted: Body) -> None:
        """Refuse to take over an object of the same name that is not the model's."""
        ref = ObjectRef.of(wanted)
        kind = BY_NAME[ref.kind]
        if kind is SECRET:
            live = await self._cluster.peek(kind, ref)
        else:
            live = await self._cluster.get(kind, ref.namespace, ref.name)
        owner = wanted["metadata"]["ownerReferences"][0]["uid"]
        if live is None or is_owned_by(live, owner):
            return
        raise ClusterRefused(
            f"{ref} exists and does not belong to this model; rename the model or delete the object"
        )
