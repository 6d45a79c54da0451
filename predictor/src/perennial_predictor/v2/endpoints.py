"""What is answered on the protocol's paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from perennial_core.manifest import Manifest
from perennial_core.settings import PredictorSettings
from perennial_predictor.http_answer import Answer
from perennial_predictor.http_request import Request, whole_body
from perennial_predictor.served import ServedVersion
from perennial_predictor.v2.body import JSON_SIZE, Body, read
from perennial_predictor.v2.messages import ModelMetadata, ModelReady, ServerLive, ServerReady
from perennial_predictor.v2.metadata import server_metadata
from perennial_predictor.v2.paths import VERSION
from perennial_predictor.v2.refusals import invalid, not_here
from perennial_predictor.v2.tensor import Tensor

if TYPE_CHECKING:
    from perennial_predictor.mirror import Copy, Mirror

_JSON_SIZE = JSON_SIZE.lower().encode()
_MOST_DIGITS = 15

_BYTES = b"application/octet-stream"


class V2Endpoints:
    """Answers requests. A Problem that is raised here becomes ``{"error": text}``.

    Args:
        name: Of the model, without its namespace.
        settings: Bounds of requests.
        is_ready: Says whether the model can be asked.
        served: Gives the version that answers a request.
        mirror: Copies requests to a shadow.
    """

    def __init__(
        self,
        name: str,
        settings: PredictorSettings,
        is_ready: Callable[[], bool],
        served: Callable[[Request], ServedVersion],
        mirror: Mirror | None = None,
    ) -> None:
        self._name = name
        self._max_body_bytes = settings.max_body_bytes
        self._is_ready = is_ready
        self._served = served
        self._mirror = mirror

    async def server(self, _: Request) -> Answer:
        return _answer(server_metadata())

    async def live(self, _: Request) -> Answer:
        return _answer(ServerLive(live=True))

    async def ready(self, _: Request) -> Answer:
        ready = self._is_ready()
        return _answer(ServerReady(ready), _status(ready))

    async def model_ready(self, request: Request) -> Answer:
        if VERSION in request.path_parameters:
            self._asked(request)  # it must be the one that serves
        ready = self._is_ready()
        return _answer(ModelReady(self._name, ready), _status(ready))

    async def model(self, request: Request) -> Answer:
        return _answer(self._asked(request).metadata)

    async def infer(self, request: Request) -> Answer:
        served = self._asked(request)
        json_size = _json_size(request)
        content = await whole_body(request.scope, request.receive, self._max_body_bytes)
        body = await served.infer_body(content, json_size)
        copied = self._copied(request, content, body)
        if body.json_size is not None:
            size = (_JSON_SIZE, b"%d" % body.json_size)
            return Answer(body.content, media_type=_BYTES, headers=[size], after=copied)
        return Answer(body.content, after=copied)

    def _copied(self, request: Request, content: bytes, body: Body) -> Callable[[], None] | None:
        """Return what gives the shadow its copy, where its answer could be compared."""
        if self._mirror is None or VERSION in request.path_parameters:  # the shadow serves another
            return None
        served, json_size = self._served(request), _json_size(request)
        is_plain = json_size is None and body.json_size is None and not body.is_partial
        if is_plain:  # it is sent on as it came
            return self._mirror.after(request.scope, content, body.content, served.manifest.task)
        copied = partial(_copy, served.metadata, served.manifest, content, json_size, body.outputs)
        return self._mirror.after_making(request.scope, len(content) + len(body.content), copied)

    def _asked(self, request: Request) -> ServedVersion:
        """Return the version that serves, which must be that of the path where it names one."""
        served = self._served(request)
        asked, version = request.path_parameters.get(VERSION), served.manifest.version
        if asked is not None and asked != str(version):
            raise not_here(
                f"version {asked!r} of {self._name!r} does not serve here; version {version} does"
            )
        return served


def _copy(
    metadata: ModelMetadata,
    manifest: Manifest,
    content: bytes,
    json_size: int | None,
    outputs: Sequence[Tensor],
) -> Copy | None:
    from perennial_predictor.v2.copied import copy_of  # takes time, and needs a mirror

    return copy_of(metadata, manifest, read(content, json_size).tensors, outputs)


def _json_size(request: Request) -> int | None:
    for name, value in request.scope["headers"]:
        if name == _JSON_SIZE:
            if not value.isdigit() or len(value) > _MOST_DIGITS:
                raise invalid(f"{JSON_SIZE}: {value.decode('latin-1')!r} is no number of bytes")
            return int(value)
    return None


def _status(ready: bool) -> HTTPStatus:
    return HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE


def _answer(message: msgspec.Struct, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    return Answer(msgspec.json.encode(message), status)
