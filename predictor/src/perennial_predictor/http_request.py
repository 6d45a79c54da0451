"""What the head of a request says, and its body within the limit."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from starlette.types import Receive, Scope

from perennial_predictor import problems

_HTML = "text/html"
_JSON = "application/json"
_PLAIN_JSON = _JSON.encode()

_LENGTH_DIGITS = 20
"""Of lengths, which the parser takes below 2**64; more zeros than int() reads may stand before."""

_PACKED = (b"gzip", b"deflate")
_ANY_HEADER = zlib.MAX_WBITS | 32
"""zlib's way to say that a stream says itself whether it is gzip's or zlib's."""


class ClientGone(Exception):
    """The client went away before all of its request had come."""


class Request(NamedTuple):
    """A request, of which the body is yet to be received."""

    scope: Scope
    """As ASGI has it."""
    receive: Receive
    path_parameters: Mapping[str, str] = MappingProxyType({})
    """What the path holds where its template has braces."""


async def json_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Return the body of a request that brings JSON.

    Args:
        scope: The request's ASGI scope.
        receive: Gives the body in parts.
        limit: Most bytes.

    Raises:
        Problem: It says to be something else than plain JSON, is over the limit or stops coming.
        ClientGone: The client went away.
    """
    for name, value in scope["headers"]:
        if name == b"content-type" and value != _PLAIN_JSON:
            _check_content_type(value.decode("latin-1"))
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise problems.unsupported("Send the body without Content-Encoding.")
        elif name == b"content-length" and int(value[-_LENGTH_DIGITS:]) > limit:
            raise problems.too_large(limit)
        elif name == b"upgrade":  # the parser takes what follows for the other protocol
            raise problems.upgrade()
    return await _read(receive, limit)


async def whole_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Return the body of a request, of whatever type it says to be, inflated where it is packed.

    Args:
        scope: The request's ASGI scope.
        receive: Gives the body in parts.
        limit: Most bytes, also once inflated.

    Raises:
        Problem: It is packed in an unknown way, is over the limit, is cut off or stops coming.
        ClientGone: The client went away.
    """
    encoding = b""
    for name, value in scope["headers"]:
        if name == b"content-encoding":
            encoding = value.lower()
        elif name == b"content-length" and int(value[-_LENGTH_DIGITS:]) > limit:
            raise problems.too_large(limit)
        elif name == b"upgrade":
            raise problems.upgrade()
    body = await _read(receive, limit)
    if encoding in (b"", b"identity"):
        return body
    if encoding not in _PACKED:
        raise problems.unsupported("Send the body without Content-Encoding, or as gzip or deflate.")
    return await asyncio.to_thread(_inflated, body, limit)


def _inflated(body: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(_ANY_HEADER)
    try:
        content = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise problems.malformed(f"The body cannot be inflated: {error}.") from None
    if len(content) > limit:
        raise problems.too_large(limit)
    if not inflater.eof or inflater.unused_data:
        raise problems.malformed("The body cannot be inflated: it is cut off, or more follows.")
    return content


async def _read(receive: Receive, limit: int) -> bytes:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise problems.too_large(limit)
        return body
    parts: list[bytes] = []
    size = 0
    while message["type"] != "http.disconnect":
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > limit:
            raise problems.too_large(limit)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()
    raise ClientGone


def _check_content_type(text: str) -> None:
    """Refuse what is not JSON; a body that does not say what it is counts as JSON."""
    media_type = text.partition(";")[0].strip().lower()
    json_suffix = media_type.startswith("application/") and media_type.endswith("+json")
    if media_type not in ("", _JSON) and not json_suffix:
        raise problems.unsupported(
            f"The Content-Type is {media_type!r}; send application/json"
            " (with curl: -H 'Content-Type: application/json')."
        )


def prefers_html(scope: Scope) -> bool:
    """Return whether the client would rather have HTML than JSON, as browsers say in Accept.

    Source: RFC 9110, section 12.5.1.
    """
    accept = b",".join(value for name, value in scope["headers"] if name == b"accept")
    if not accept or _HTML.encode() not in accept.lower():
        return False
    weights = dict(_media_ranges(accept.decode("latin-1")))
    html = weights.get(_HTML, 0.0)
    return html > weights.get(_JSON, weights.get("application/*", 0.0))


def _media_ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weights = [p.removeprefix("q=") for p in parameters if p.startswith("q=")]
        yield media_range, _weight(weights[0]) if weights else 1.0


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
