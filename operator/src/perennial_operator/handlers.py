"""The kopf handlers: every event only says which model to look at."""

from __future__ import annotations

import dataclasses
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import kopf

from perennial_operator.cache import Cache
from perennial_operator.kinds import PREDICTION_MODEL, SELECTOR, WATCHED
from perennial_operator.queue import ModelQueue


@dataclass(frozen=True)
class Watched:
    """What the handlers feed; kopf hands it to them as ``memo``."""

    cache: Cache
    queue: ModelQueue


async def model_event(event: Mapping[str, Any], memo: Watched, **_: Any) -> None:
    """Take over what happened to a model."""
    removed = event["type"] == "DELETED"
    change = memo.cache.remove_model if removed else memo.cache.put_model
    memo.queue.request(change(event["object"]))


async def owned_event(event: Mapping[str, Any], memo: Watched, **_: Any) -> None:
    """Take over what happened to an object that a model owns."""
    removed = event["type"] == "DELETED"
    change = memo.cache.remove_owned if removed else memo.cache.put_owned
    key = change(event["object"])
    if key is not None:
        memo.queue.request(key)


class Connection(kopf.ConnectionInfo):
    """Verifies the API server's certificate as other clients do.

    From Python 3.13 on the default is stricter: it refuses certificate authorities without the key
    usage extension, which many clusters have.
    """

    def as_ssl_context(self) -> ssl.SSLContext:
        context = super().as_ssl_context()
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context


def log_in(**arguments: Any) -> kopf.ConnectionInfo | None:
    """Watch as the pod's ServiceAccount, or as KUBECONFIG says outside a cluster."""
    found = kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)
    return found and Connection(**dataclasses.asdict(found))


def handler_registry() -> kopf.OperatorRegistry:
    """Return the handlers; they leave no trace on the objects: no annotation, no finalizer."""
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(log_in)
    model = PREDICTION_MODEL
    kopf.on.event(model.group, model.version, model.plural, registry=registry)(model_event)
    for kind in WATCHED:
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry)(owned_event)
    return registry


def kopf_settings() -> kopf.OperatorSettings:
    """Return kopf's settings: it watches, and does nothing else."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.networking.error_backoffs = (1, 2, 3, 5, 8, 13, 21, 34, 55, 55, 55, 55, 55)
    for kind in WATCHED:
        settings.watching.label_selectors[kind.group, kind.version, kind.plural] = SELECTOR
    return settings
