"""The Kubernetes API. The only module that calls it; its errors become the project's own."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any
from urllib.parse import quote

import aiohttp
from kubernetes.aio import client, config
from kubernetes.aio.client.exceptions import ApiException

from perennial_core.errors import Outage, UserError
from perennial_operator.kinds import (
    EVENT,
    FIELD_MANAGER,
    POD,
    PREDICTION_MODEL,
    Body,
    Kind,
    ObjectRef,
)
from perennial_operator.metrics import API_REQUESTS

REQUEST_SECONDS = 30.0
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_PEEK_MANAGER = f"{FIELD_MANAGER}-peek"

_INVALID = (400, 413, 422)
_INVALID_THOUGH_500 = (
    "failed to create typed patch object",  # an unknown field, a wrong type, a key given twice
    "failed to convert new object",  # such as a quantity that is none
    "request is too large",
)
"""What the API server says with status 500 of an object that it cannot read or store."""


class ClusterUnavailable(Outage):
    """The API server does not answer, is overloaded, or somebody else wrote at the same time."""


class ClusterRefused(UserError):
    """The API server refuses the request."""


class ObjectInvalid(ClusterRefused):
    """The API server refuses the object for what stands in it, and will as long as it does."""


class NotFound(ClusterRefused):
    """There is no such object."""


class AlreadyExists(ClusterRefused):
    """An object of this name exists."""


class Conflict(ClusterUnavailable):
    """The object was changed since it was read."""


class Cluster(AbstractAsyncContextManager["Cluster"]):
    """Reads and writes Kubernetes objects as plain dicts."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api

    @classmethod
    async def connect(cls) -> Cluster:
        """Connect as the pod's ServiceAccount, or as KUBECONFIG says outside a cluster.

        Raises:
            ClusterRefused: There is neither.
        """
        try:
            config.load_incluster_config()
        except config.ConfigException:
            try:
                await config.load_kube_config()
            except config.ConfigException as error:
                raise ClusterRefused(f"no cluster to connect to: {error}; set KUBECONFIG") from None
        configuration = client.Configuration.get_default_copy()
        # Authorities without a key usage extension, which many clusters have, are verified too.
        configuration.disable_strict_ssl_verification = True
        return cls(client.ApiClient(configuration))

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._api.close()

    async def list_all(
        self, kind: Kind, namespace: str | None = None, selector: str = ""
    ) -> tuple[list[Body], int]:
        """Return all objects of a kind, and the resource version as of which that was so."""
        query = [("labelSelector", selector)] if selector else []
        answer = await self._request("GET", _path(kind, namespace), query=query)
        items = [
            {"apiVersion": kind.api_version, "kind": kind.name, **item} for item in answer["items"]
        ]
        return items, int(answer["metadata"].get("resourceVersion") or 0)

    async def get(self, kind: Kind, namespace: str, name: str) -> Body | None:
        """Return an object, or None where there is none."""
        try:
            return await self._request("GET", _path(kind, namespace, name))
        except NotFound:
            return None

    async def peek(self, kind: Kind, ref: ObjectRef) -> Body | None:
        """Return an object that may be written but not read: the dry run of an empty apply."""
        body = _identity(kind, ref.namespace, ref.name)
        path = _path(kind, ref.namespace, ref.name)
        answer = await self._apply(path, body, _PEEK_MANAGER, ("dryRun", "All"))
        return answer if "resourceVersion" in answer["metadata"] else None

    async def create(self, kind: Kind, body: Body) -> Body:
        """Create an object.

        Raises:
            AlreadyExists: There is one of this name.
        """
        path = _path(kind, body["metadata"].get("namespace"))
        return await self._request("POST", path, body, query=[("fieldManager", FIELD_MANAGER)])

    async def apply(self, kind: Kind, body: Body) -> Body:
        """Make an object as it is wanted, whoever changed it, and return it (server-side apply)."""
        path = _path(kind, body["metadata"]["namespace"], body["metadata"]["name"])
        return await self._apply(path, body, FIELD_MANAGER)

    async def replace(self, kind: Kind, body: Body) -> Body:
        """Replace an object that was read before.

        Raises:
            Conflict: It was changed since.
        """
        path = _path(kind, body["metadata"]["namespace"], body["metadata"]["name"])
        return await self._request("PUT", path, body, query=[("fieldManager", FIELD_MANAGER)])

    async def delete(self, kind: Kind, ref: ObjectRef) -> None:
        """Delete an object after those that it owns; that it is gone already is well."""
        path = _path(kind, ref.namespace, ref.name)
        try:
            await self._request("DELETE", path, {"propagationPolicy": "Foreground"})
        except NotFound:
            return

    async def report(self, kind: Kind, live: Body, status: Body) -> Body:
        """Write the status of an object, and return the object.

        Raises:
            NotFound: The object is gone.
            Conflict: It was changed since it was read, or another one took its place.
        """
        metadata = live["metadata"]
        body = _identity(kind, metadata["namespace"], metadata["name"])
        body["metadata"]["resourceVersion"] = metadata["resourceVersion"]
        path = _path(kind, metadata["namespace"], metadata["name"]) + "/status"
        return await self._apply(path, {**body, "status": status}, FIELD_MANAGER)

    async def set_finalizers(self, model: Body, finalizers: list[str]) -> Body:
        """Say what has to be done before the model may go, and return the model.

        Raises:
            NotFound: The model is gone.
            Conflict: The model was changed since it was read.
        """
        metadata = model["metadata"]
        path = _path(PREDICTION_MODEL, metadata["namespace"], metadata["name"])
        read = {"resourceVersion": metadata["resourceVersion"]}
        body = {"metadata": {**read, "finalizers": finalizers}}
        return await self._request("PATCH", path, body, content_type=_MERGE)

    async def pods(self, namespace: str, selector: str) -> list[Body]:
        """Return the pods with these labels."""
        pods, _ = await self.list_all(POD, namespace, selector)
        return pods

    async def post_event(self, event: Body) -> None:
        """Post an event; it names its object."""
        await self._request("POST", _path(EVENT, event["metadata"]["namespace"]), event)

    async def _apply(self, path: str, body: Body, manager: str, *options: tuple[str, str]) -> Body:
        query = [("fieldManager", manager), ("force", "true"), *options]
        return await self._request("PATCH", path, body, query=query, content_type=_APPLY)

    async def _request(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        *,
        query: list[tuple[str, str]] | None = None,
        content_type: str = "application/json",
    ) -> Body:
        API_REQUESTS.labels(method).inc()
        request = await self._api.param_serialize(
            method,
            path,
            query_params=query or [],
            header_params={"Accept": "application/json", "Content-Type": content_type},
            auth_settings=["BearerToken"],
        )
        try:
            response = await self._api.call_api(
                *request[:3], body=body, _request_timeout=REQUEST_SECONDS
            )
            content = await response.response.read()
        except ApiException as error:
            raise _translated(error.status or 0, error.body or error.reason, method, path) from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ClusterUnavailable(f"the API server does not answer: {error!r}") from error
        if response.status >= 400:
            raise _translated(response.status, content, method, path)
        answer: Body = json.loads(content)
        return answer


def _path(kind: Kind, namespace: str | None, name: str | None = None) -> str:
    path = kind.root
    if namespace is not None:
        path += f"/namespaces/{quote(namespace)}"
    path += f"/{kind.plural}"
    return path if name is None else f"{path}/{quote(name)}"


def _identity(kind: Kind, namespace: str, name: str) -> Body:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"namespace": namespace, "name": name},
    }


def _translated(status: int, content: Any, method: str, path: str) -> Outage | UserError:
    """Return the project's error for an answer of the API server."""
    message, reason = _status_message(content)
    text = f"{method} {path}: {message}"
    if status == 404:
        return NotFound(text)
    if status == 409:
        return AlreadyExists(text) if reason == "AlreadyExists" else Conflict(text)
    if status in _INVALID or any(sign in message for sign in _INVALID_THOUGH_500):
        return ObjectInvalid(f"the API server refuses: {message}")
    if status == 403:
        return ClusterRefused(f"the API server refuses: {message}")
    return ClusterUnavailable(f"{text} ({status})")


def _status_message(content: Any) -> tuple[str, str]:
    try:
        answer = json.loads(content)
        return str(answer["message"]), str(answer.get("reason", ""))
    except (TypeError, ValueError, KeyError):
        return str(content), ""
