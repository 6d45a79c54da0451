"""What is answered when a request cannot be: problem documents.

Source: RFC 9457, Problem Details for HTTP APIs.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import msgspec

from perennial_core.manifest import Manifest
from perennial_predictor.http_answer import CLOSE, Answer, Header

MEDIA_TYPE = b"application/problem+json"
RETRY_AFTER_SECONDS = 2

_LONGEST_DETAIL = 2000
"""In characters: a name that a client sent, which a detail repeats, may be as long as a body."""


class ProblemDocument(msgspec.Struct, omit_defaults=True):
    """The body of an answer that is an error."""

    type: str
    """Names the kind of problem, for programs."""
    title: str
    status: int
    detail: str
    """What was wrong with this request and what to do, for people."""
    model: str | None = None
    version: int | None = None


class Problem(Exception):
    """Ends a request with a problem document.

    Args:
        status: HTTP status code.
        kind: Last part of the document's ``type``.
        title: The same for all problems of the kind.
        detail: What was wrong with this request, and what to do; it is cut where it is long.
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        title: str,
        detail: str,
        headers: Sequence[Header] = (),
    ) -> None:
        if len(detail) > _LONGEST_DETAIL:
            detail = f"{detail[:_LONGEST_DETAIL]}..."
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.headers = headers

    def answer(self, manifest: Manifest | None) -> Answer:
        """Return the answer.

        Args:
            manifest: Of the version that the request met, when there was one.
        """
        document = ProblemDocument(
            type=f"tag:perennial.dev,2026:problem/{self.kind}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            model=manifest.model if manifest else None,
            version=manifest.version if manifest else None,
        )
        return Answer(msgspec.json.encode(document), self.status, MEDIA_TYPE, self.headers)


def malformed(detail: str, headers: Sequence[Header] = ()) -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST, "malformed", "The request cannot be read", detail, headers
    )


def no_http() -> Problem:
    return malformed(
        "What arrived is not valid HTTP/1.1. Usual reasons: https:// instead of http://, a URL that"
        " is over 64 KiB or not percent-encoded, a wrong Content-Length.",
        [CLOSE],
    )


def head_too_large(most_headers: int) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "head-too-large",
        "The head of the request is too large",
        f"Send fewer or shorter headers: at most {most_headers}, and less than 1 MiB in all.",
        [CLOSE],
    )


def invalid(detail: str) -> Problem:
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid-instances",
        "The instances are not what the model takes",
        detail,
    )


def incomplete(seconds: float) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_TIMEOUT,
        "incomplete",
        "The body did not arrive",
        f"Nothing more of the body arrived for {seconds:g} s; send as much as Content-Length says.",
        [CLOSE],
    )


def too_large(limit: int) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too-large",
        "The body is too large",
        f"The body is over the limit of {limit} bytes; send fewer instances in a request.",
    )


def unsupported(detail: str, headers: Sequence[Header] = ()) -> Problem:
    return Problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported",
        "The body is not plain JSON",
        detail,
        headers,
    )


def upgrade() -> Problem:
    return unsupported(
        "Send the body without Upgrade, as plain HTTP/1.1"
        " (with Java's HttpClient: version(HttpClient.Version.HTTP_1_1)).",
        [CLOSE],
    )


def unavailable(reason: str) -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "no-model",
        "No model is loaded yet",
        reason,
        [(b"retry-after", b"%d" % RETRY_AFTER_SECONDS)],
    )


def of_status(code: int, detail: str, headers: Sequence[Header] = ()) -> Problem:
    """Return the problem that says no more than an HTTP status does, such as 404 and 405."""
    status = HTTPStatus(code)
    kind = status.phrase.lower().replace(" ", "-")
    return Problem(status, kind, status.phrase, detail, headers)
