"""Mirrors the registry's versions as ModelVersions, where people see them and decide on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from perennial_core.approval import Asked, Judgement
from perennial_core.identity import Digest, ModelKey, Version
from perennial_core.registry import Answer, Decision
from perennial_core.report import version_status
from perennial_core.resource import PredictionModel
from perennial_core.resource.model_version import version_name
from perennial_operator.applier import Applier
from perennial_operator.build.model_version import build_model_version
from perennial_operator.cache import Cache
from perennial_operator.cluster import Cluster, NotFound
from perennial_operator.difference import is_owned_by
from perennial_operator.kinds import MODEL_VERSION, Body, ObjectRef
from perennial_operator.metrics import AWAITING_APPROVAL
from perennial_operator.problems import Problems
from perennial_operator.report.versions import promotion_event, version_event
from perennial_operator.reporter import Reporter


class Versions:
    """Writes the ModelVersions of a model, and reads what people decided there."""

    def __init__(
        self, cluster: Cluster, cache: Cache, applier: Applier, reporter: Reporter
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._applier = applier
        self._reporter = reporter

    async def mirror(
        self,
        model: PredictionModel,
        judgement: Judgement,
        removed: Collection[Version],
        problems: Problems,
    ) -> None:
        """Bring the ModelVersions to what the registry says.

        Args:
            model: The model.
            judgement: What is to be said of its versions.
            removed: Those among them that the registry let go since.
            problems: Where it is noted what the API server refuses.
        """
        key, kept = model.key, [v for v in judgement.manifests if v not in removed]
        AWAITING_APPROVAL.labels(key.namespace, key.name).set(len(judgement.awaiting))
        for version in kept:
            with problems.of_cluster():
                await self._mirror(model, judgement, version)
        names = {version_name(key.name, version) for version in kept}
        for body in self._cache.owned_of_kind(key, MODEL_VERSION.name):
            if body["metadata"]["name"] not in names:
                await self._applier.delete(key, body)

    def forget(self, key: ModelKey) -> None:
        """Forget a model that is gone."""
        with suppress(KeyError):
            AWAITING_APPROVAL.remove(key.namespace, key.name)

    async def _mirror(self, model: PredictionModel, judgement: Judgement, version: Version) -> None:
        live = self._live(model, version)
        if live is not None and _digest(live) not in (None, judgement.manifests[version].digest):
            # of another version that had this number; with it goes what was decided on that
            await self._applier.delete(model.key, live)
            return
        await self._applier.apply(model.key, [build_model_version(model, version)])
        await self._report(model, judgement, version)

    def _live(self, model: PredictionModel, version: Version) -> Body | None:
        name = version_name(model.metadata.name, version)
        ref = ObjectRef(MODEL_VERSION.name, model.metadata.namespace, name)
        return self._cache.owned(model.key, ref)

    async def _report(self, model: PredictionModel, judgement: Judgement, version: Version) -> None:
        live = self._live(model, version)
        if live is None:
            return
        status = version_status(
            model.spec.gate,
            judgement.manifests[version],
            judgement.rulings[version],
            judgement.decisions.get(version),
        )
        before = live.get("status", {})
        if status == before:
            return
        try:
            self._cache.put_owned(await self._cluster.report(MODEL_VERSION, live, status))
        except NotFound:
            return  # deleted meanwhile
        source = model.spec.promotion.from_ if model.spec.promotion else None
        told = promotion_event(judgement.manifests[version], before, source)
        for event in (told, version_event(version, before, status)):
            if event is not None:
                await self._reporter.tell(model, event)


def asked_decisions(bodies: Collection[Body], model: PredictionModel) -> Mapping[Version, Asked]:
    """Return what people decided in a model's own ModelVersions."""
    return {
        Version(body["spec"]["version"]): Asked(_decision(decision), _digest(body))
        for body in bodies
        if (decision := body["spec"].get("decision"))
        # by the model's name the policy asked whether its author may decide
        and body["spec"]["model"] == model.metadata.name
        and is_owned_by(body, model.metadata.uid)
    }


def _decision(said: Body) -> Decision:
    return Decision(
        verdict=Answer(said["verdict"]),
        by=said["by"],
        reason=said.get("reason") or "no reason was given",
        at=datetime.now(UTC),
    )


def _digest(body: Body) -> Digest | None:
    """Return the artifact that a ModelVersion tells of; None: it tells nothing yet."""
    digest = body.get("status", {}).get("digest")
    return None if digest is None else Digest(digest)
