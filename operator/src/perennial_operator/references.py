"""Whether what runs need is there. What is not keeps their pods from starting."""

from __future__ import annotations

from perennial_core.resource import DataSpec, PredictionModel
from perennial_operator.cluster import Cluster
from perennial_operator.kinds import CONFIG_MAP, PERSISTENT_VOLUME_CLAIM, SECRET, ObjectRef


async def missing_reference(cluster: Cluster, model: PredictionModel) -> str | None:
    """Return what the spec of the runs names and is not there, for people; None when all is."""
    source = model.spec.promotion.from_ if model.spec.promotion else None
    if source is not None and source.registry_secret is not None:
        field = f"{model.spec.runs_field}.registrySecret"
        if missing := await _missing_secret(cluster, model, source.registry_secret, field):
            return missing
    return None if model.spec.data is None else await _missing_data(cluster, model, model.spec.data)


async def _missing_data(cluster: Cluster, model: PredictionModel, data: DataSpec) -> str | None:
    namespace, part = model.metadata.namespace, f"{model.spec.runs_field}.data"
    volume, credentials = data.volume, data.credentials_secret
    if volume is not None and volume.config_map is not None:
        name = volume.config_map.name
        if await cluster.get(CONFIG_MAP, namespace, name) is None:
            return f"{part}.volume.configMap.name: there is no ConfigMap {name}"
    if volume is not None and volume.persistent_volume_claim is not None:
        name = volume.persistent_volume_claim.claim_name
        if await cluster.get(PERSISTENT_VOLUME_CLAIM, namespace, name) is None:
            field = f"{part}.volume.persistentVolumeClaim.claimName"
            return f"{field}: there is no PersistentVolumeClaim {name}"
    if credentials is not None:
        return await _missing_secret(cluster, model, credentials, f"{part}.credentialsSecret")
    return None


async def _missing_secret(
    cluster: Cluster, model: PredictionModel, name: str, field: str
) -> str | None:
    ref = ObjectRef(SECRET.name, model.metadata.namespace, name)
    if await cluster.peek(SECRET, ref) is None:
        return f"{field}: there is no Secret {name}"
    return None
