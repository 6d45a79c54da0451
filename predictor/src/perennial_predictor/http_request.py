"""What the head of a request says, and its body within the limit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from perennial_predictor import problems

_HTML = "text/html"
_JSON = "application/json"
_PLAIN_JSON = _JSON.encode()

_TOO_LATE = "nothing more of the body arrives"


async def json_body(scope: Scope, receive: Receive, limit: int, seconds: float) -> bytes:
    """Return the body of a request that brings JSON.

    Args:
        scope: The request's ASGI scope.
        receive: Gives the body in parts.
        limit: Most bytes.
        seconds: The longest wait for a further part of the body.

    Raises:
        Problem: It says to be something else than plain JSON, is over the limit or stops coming.
        ClientDisconnect: The client went away.
    """
    for name, value in scope["headers"]:
        if name == b"content-type" and value != _PLAIN_JSON:
            _check_content_type(value.decode("latin-1"))
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise problems.unsupported("Send the body without Content-Encoding.")
        elif name == b"content-length" and int(value) > limit:
            raise problems.too_large(limit)
        elif name == b"upgrade":  # the parser takes what follows for the other protocol
            raise problems.unsupported(
                "Send the body without Upgrade, as plain HTTP/1.1"
                " (with Java's HttpClient: version(HttpClient.Version.HTTP_1_1)).",
                {"Connection": "close"},
            )
    return await _read(receive, limit, seconds)


async def _read(receive: Receive, limit: int, seconds: float) -> bytes:
    message = await _part(receive, seconds)
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise problems.too_large(limit)
        return body
    parts = bytearray()
    while message["type"] != "http.disconnect":
        parts += message.get("body", b"")
        if len(parts) > limit:
            raise problems.too_large(limit)
        if not message.get("more_body"):
            return bytes(parts)
        message = await _part(receive, seconds)
    raise ClientDisconnect


async def _part(receive: Receive, seconds: float) -> Message:
    """Return the next part of a body: ``asyncio.timeout``, which takes longer than parsing one."""
    task = asyncio.current_task()
    assert task is not None, "it is awaited by a task"
    timer = asyncio.get_running_loop().call_later(seconds, task.cancel, _TOO_LATE)
    try:
        return await receive()
    except asyncio.CancelledError as cancelled:
        if cancelled.args != (_TOO_LATE,) or task.uncancel():
            raise
        raise problems.incomplete(seconds) from None
    finally:
        timer.cancel()


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
    if _HTML.encode() not in accept.lower():
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
