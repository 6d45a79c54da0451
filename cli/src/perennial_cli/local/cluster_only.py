"""What of a resource concerns a cluster alone: fields it heeds, and one that it needs."""

from __future__ import annotations

from perennial_core.resource import PredictionModelSpec, ServingSpec


def cluster_only(spec: PredictionModelSpec) -> list[str]:
    """Return the fields that are set and mean nothing on one machine, by their paths."""
    plain = ServingSpec()
    fields = {
        "spec.training.resources": spec.training.resources != plain.resources,
        "spec.serving.replicas": spec.serving.replicas != 1,
        "spec.serving.resources": spec.serving.resources != plain.resources,
        "spec.serving.service": spec.serving.service != plain.service,
        "spec.serving.podTemplate": spec.serving.pod_template != plain.pod_template,
    }
    return [field for field, is_set in fields.items() if is_set]


def lacks_volume(spec: PredictionModelSpec) -> bool:
    """Return whether a cluster would refuse the data's uri for want of a volume."""
    return spec.training.data.uri.startswith("file:") and spec.training.data.volume is None
