"""Whether what a training spec names is there. What is not keeps a run's pods from starting."""

from __future__ import annotations

from perennial_core.resource import PredictionModel
from perennial_operator.cluster import Cluster
from perennial_operator.kinds import CONFIG_MAP, PERSISTENT_VOLUME_CLAIM, SECRET, ObjectRef

_DATA = "spec.training.data"


async def missing_reference(cluster: Cluster, model: PredictionModel) -> str | None:
    """Return what the training spec names and is not there, for people; None when all is."""
    namespace, data = model.metadata.namespace, model.spec.data
    if data is None:
        return None
    volume, credentials = data.volume, data.credentials_secret
    if volume is not None and volume.config_map is not None:
        name = volume.config_map.name
        if await cluster.get(CONFIG_MAP, namespace, name) is None:
            return f"{_DATA}.volume.configMap.name: there is no ConfigMap {name}"
    if volume is not None and volume.persistent_volume_claim is not None:
        name = volume.persistent_volume_claim.claim_name
        if await cluster.get(PERSISTENT_VOLUME_CLAIM, namespace, name) is None:
            field = f"{_DATA}.volume.persistentVolumeClaim.claimName"
            return f"{field}: there is no PersistentVolumeClaim {name}"
    if credentials is not None:
        ref = ObjectRef(SECRET.name, namespace, credentials)
        if await cluster.peek(SECRET, ref) is None:
            return f"{_DATA}.credentialsSecret: there is no Secret {credentials}"
    return None
