"""What of a resource concerns a cluster alone: fields it heeds, and one that it needs."""

from __future__ import annotations

from perennial_core.resource import PredictionModelSpec, ServingSpec
from perennial_core.resource.rollout import Strategy


def cluster_only(spec: PredictionModelSpec) -> list[str]:
    """Return the fields that are set and mean nothing on one machine, by their paths."""
    plain, runs = ServingSpec(), spec.runs
    fields = {
        f"{spec.runs_field}.resources": runs is not None and runs.resources != plain.resources,
        "spec.rollout.strategy": spec.rollout.strategy in (Strategy.CANARY, Strategy.SHADOW),
        "spec.serving.replicas": spec.serving.replicas != 1,
        "spec.serving.resources": spec.serving.resources != plain.resources,
        "spec.serving.service": spec.serving.service != plain.service,
        "spec.serving.podTemplate": spec.serving.pod_template != plain.pod_template,
    }
    return [field for field, is_set in fields.items() if is_set]


def lacks_volume(spec: PredictionModelSpec) -> bool:
    """Return whether a cluster would refuse the data's uri for want of a volume."""
    return spec.data is not None and spec.data.uri.startswith("file:") and spec.data.volume is None
