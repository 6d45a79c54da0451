"""What is wrong with a request of the protocol. Its errors are ``{"error": text}``."""

from __future__ import annotations

from http import HTTPStatus

from perennial_predictor.problems import Problem

_LONGEST_NAME = 100

_TITLE = "The tensors are not what the model takes"


def refused(name: str, what: str) -> Problem:
    """Return why an input is refused."""
    return invalid(f"input {named(name)}: {what}")


def named(name: str) -> str:
    """Return a name that a client sent as it is shown, cut where it is long."""
    return repr(name) if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]!r}..."


def invalid(detail: str) -> Problem:
    """Return why a whole request is refused."""
    return Problem(HTTPStatus.BAD_REQUEST, "invalid-tensors", _TITLE, detail)


def not_here(detail: str) -> Problem:
    """Return why there is no such model, or no such version of it."""
    return Problem(HTTPStatus.NOT_FOUND, "not-found", "Not Found", detail)
