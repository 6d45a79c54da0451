"""What kubectl's complaints mean: pure functions."""

from __future__ import annotations

import re

from perennial_core.errors import Outage, PerennialError, UserError

_POLICY = re.compile(r"ValidatingAdmissionPolicy '[^']*' with binding '[^']*' denied request: ")
_SERVER = re.compile(r"^(Error from server( \([A-Za-z]+\))?|error): ")
_NO_SUCH_KIND = "the server doesn't have a resource type"
_UNREACHABLE = (
    "unable to connect to the server",
    "was refused - did you specify the right host or port",
)
_OUTAGES = (
    *("i/o timeout", "net/http: ", "connection refused", "(serviceunavailable)"),
    *("(internalerror)", "(timeout)", "(toomanyrequests)", "context deadline exceeded"),
)


class NotFound(UserError):
    """There is no such object."""


class Forbidden(UserError):
    """The user may not do this."""


class Unreachable(Outage):
    """There is no cluster where one is looked for, or no way to it."""


def refusal(complaint: str) -> PerennialError:
    """Return the error that a complaint of kubectl stands for.

    Args:
        complaint: What it printed on standard error.
    """
    lines = [line for line in complaint.splitlines() if line and not _is_noise(line)]
    text = _SERVER.sub("", " ".join(lines)) or "kubectl failed and did not say why"
    if _NO_SUCH_KIND in complaint:
        return UserError(
            "there is no Perennial in this cluster: it does not know PredictionModels; install the"
            " chart helm/perennial, or name another with --context"
        )
    if denied := _POLICY.search(text):
        return Forbidden(text[denied.end() :])
    if "(NotFound)" in complaint:
        return NotFound(text)
    if "(Forbidden)" in complaint or "You must be logged in" in complaint:
        return Forbidden(text)
    said = complaint.lower()
    if any(sign in said for sign in _UNREACHABLE):
        return Unreachable(f"the cluster does not answer: {text}")
    if any(sign in said for sign in _OUTAGES):
        return Outage(f"the cluster does not answer: {text}")
    return UserError(text)


def _is_noise(line: str) -> bool:
    """Say whether a line is a warning, or a log line of a client library (``E1125 19:40:...``)."""
    return line.startswith("Warning: ") or re.match(r"[EWI]\d{4} ", line) is not None
