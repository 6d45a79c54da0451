"""The bodies of the answers that are not predictions."""

from __future__ import annotations

import msgspec

from perennial_core.manifest import Manifest
from perennial_predictor.instances import BODY, QUERY_NAME


class Health(msgspec.Struct, omit_defaults=True):
    """The answer of ``GET /healthz``."""

    status: str
    model: str
    version: int | None = None


class Feature(msgspec.Struct):
    """One feature of the model."""

    name: str
    type: str
    nullable: bool


class HowToAsk(msgspec.Struct):
    """The answer of ``GET /`` without a query."""

    model: str
    version: int
    features: list[Feature]
    ask: list[str]
    documentation: str
    status: str = "alive"
    """Clients of KServe V1 look for it here."""


def how_to_ask(manifest: Manifest) -> HowToAsk:
    """Return how this model is asked."""
    names = [column.name for column in manifest.inputs]
    alone = [f"GET /?{QUERY_NAME}=<{names[0]}>"] if len(names) == 1 else []
    return HowToAsk(
        model=manifest.model,
        version=manifest.version,
        features=[Feature(c.name, c.type, c.nullable) for c in manifest.inputs],
        ask=[
            *alone,
            "GET /?<feature>=<value>&...",
            f"POST /predict {BODY}",
            'POST /predict {"instances": [{"<feature>": <value>, ...}, ...]}',
        ],
        documentation="/docs",
    )
