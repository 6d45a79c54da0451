"""What lives in the cluster, as the watches and the lists told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from perennial_core.identity import ModelKey
from perennial_operator.kinds import JOB, MODEL_LABEL, Body, ObjectRef


class Cache:
    """The models and the objects that they own. A newer state is never replaced by an older."""

    def __init__(self) -> None:
        self._models: dict[ModelKey, Body] = {}
        self._takers: dict[ModelKey, set[ModelKey]] = defaultdict(set)
        self._owned: dict[ModelKey, dict[ObjectRef, Body]] = defaultdict(dict)

    def model(self, key: ModelKey) -> Body | None:
        return self._models.get(key)

    def models(self) -> list[ModelKey]:
        return list(self._models)

    def concerned(self, key: ModelKey) -> list[ModelKey]:
        """Return the models for which it matters what the registry says of one: that itself, where
        it is known, and those that take versions over from it."""
        itself = [key] if key in self._models else []
        return itself + sorted(self._takers.get(key, ()))

    def owned(self, key: ModelKey, ref: ObjectRef) -> Body | None:
        return self._owned[key].get(ref) if key in self._owned else None

    def owned_of_kind(self, key: ModelKey, kind: str) -> list[Body]:
        return [body for ref, body in self._owned.get(key, {}).items() if ref.kind == kind]

    def put_model(self, body: Mapping[str, Any]) -> ModelKey:
        key = _own_key(body)
        if _is_newer(body, self._models.get(key)):
            self._forget_source(key)
            self._models[key] = dict(body)
            if (source := source_key(body)) is not None:
                self._takers[source].add(key)
        return key

    def remove_model(self, body: Mapping[str, Any]) -> ModelKey:
        """Forget a model, but for one of the same name that came after it."""
        key = _own_key(body)
        if _is_newer(body, self._models.get(key)):
            self._forget_source(key)
            self._models.pop(key, None)
        return key

    def _forget_source(self, key: ModelKey) -> None:
        known = self._models.get(key)
        source = source_key(known) if known is not None else None
        if source is not None:
            self._takers[source].discard(key)
            if not self._takers[source]:
                del self._takers[source]

    def put_owned(self, body: Mapping[str, Any]) -> ModelKey | None:
        """Remember an owned object; returns its model, or None where it names none."""
        key = owner_key(body)
        if key is not None:
            ref = ObjectRef.of(body)
            if _is_newer(body, self._owned[key].get(ref)):
                self._owned[key][ref] = _slim(body)
        return key

    def remove_owned(self, body: Mapping[str, Any]) -> ModelKey | None:
        """Forget an owned object as ``remove_model`` does; returns its model."""
        key, ref = owner_key(body), ObjectRef.of(body)
        if key is not None and _is_newer(body, self.owned(key, ref)):
            self._owned[key].pop(ref, None)
            if not self._owned[key]:
                del self._owned[key]
        return key

    def keep_only_models(
        self, listed: Iterable[Body], as_of: int, namespace: str | None = None
    ) -> None:
        """Take over a list; what it lacks and is not newer than it is forgotten.

        Args:
            listed: All models, or all of a namespace.
            as_of: The resource version of the list.
            namespace: Where the list is from; None: from everywhere.
        """
        present = {self.put_model(body) for body in listed}
        for key, body in list(self._models.items()):
            if namespace in (None, key.namespace) and key not in present:
                self._forget(body, as_of, self.remove_model)

    def keep_only_owned(
        self, kind: str, listed: Iterable[Body], as_of: int, namespace: str | None = None
    ) -> None:
        """Take over a list of one kind, as ``keep_only_models`` does."""
        present = set()
        for body in listed:
            self.put_owned(body)
            present.add(ObjectRef.of(body))
        for owned in list(self._owned.values()):
            for ref, body in list(owned.items()):
                listed_here = ref.kind == kind and namespace in (None, ref.namespace)
                if listed_here and ref not in present:
                    self._forget(body, as_of, self.remove_owned)

    @staticmethod
    def _forget(body: Body, as_of: int, remove: Callable[[Body], object]) -> None:
        if resource_version(body) <= as_of:
            remove(body)


def owner_key(body: Mapping[str, Any]) -> ModelKey | None:
    """Return the model that an object belongs to."""
    metadata = body["metadata"]
    name = metadata.get("labels", {}).get(MODEL_LABEL)
    return ModelKey(metadata["namespace"], name) if name else None


def source_key(body: Mapping[str, Any]) -> ModelKey | None:
    """Return the model of the same registry that a model takes versions over from."""
    source = body.get("spec", {}).get("promotion", {}).get("from")
    if source is None or "registrySecret" in source:
        return None
    return ModelKey(source["namespace"], source["name"])


def resource_version(body: Mapping[str, Any]) -> int:
    """Return an object's resource version; since Kubernetes 1.35 they are ordered numbers."""
    return int(body["metadata"].get("resourceVersion") or 0)


def _own_key(body: Mapping[str, Any]) -> ModelKey:
    return ModelKey(body["metadata"]["namespace"], body["metadata"]["name"])


def _is_newer(body: Mapping[str, Any], known: Mapping[str, Any] | None) -> bool:
    return known is None or resource_version(body) >= resource_version(known)


def _slim(body: Mapping[str, Any]) -> Body:
    """Return an object without what nobody reads."""
    metadata = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    slim = {**body, "metadata": metadata}
    if body["kind"] == JOB.name:
        slim.pop("spec", None)
    return slim
