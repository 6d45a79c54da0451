"""An answer whose body is JSON."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from starlette.background import BackgroundTask
from starlette.responses import Response

Header = tuple[bytes, bytes]

_OK = HTTPStatus.OK.value
_CONTENT_TYPE = (b"content-type", b"application/json")


class JsonAnswer(Response):
    """A Response that is not asked what it is: to find that out takes longer than to parse a row.

    Args:
        body: JSON.
        headers: Further headers.
        background: What is done once the answer is sent.
    """

    media_type = "application/json"

    def __init__(
        self, body: bytes, headers: Iterable[Header] = (), background: BackgroundTask | None = None
    ) -> None:
        self.status_code = _OK
        self.body = body
        self.raw_headers = [_CONTENT_TYPE, (b"content-length", b"%d" % len(body)), *headers]
        self.background = background
