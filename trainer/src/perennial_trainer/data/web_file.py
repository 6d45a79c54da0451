"""Fetches a file over https: or http:, through fsspec."""

from __future__ import annotations

from base64 import b64encode
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pyarrow as pa

from perennial_core.errors import Outage, brief
from perennial_trainer.data.data_file import DataFile
from perennial_trainer.failure import DataError, SpecError

_CONNECT_SECONDS = 30.0
_SILENCE_SECONDS = 120.0
"""The longest wait between two parts of the body; the whole may take as long as the run may."""

_PASSING_REFUSALS = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


def web_file(uri: str, credentials: Path) -> DataFile:
    """Return the file at a URL.

    Args:
        uri: ``https://...`` or ``http://...``.
        credentials: Folder with the file ``token`` (sent as Bearer), or ``username`` and
            ``password``; without them the request bears none.

    Raises:
        SpecError: The URL is none, or the credentials are incomplete or cannot be read.
    """
    shown = _without_query(uri)
    headers = _authorization(credentials)
    content: list[bytes] = []

    def open_again() -> pa.NativeFile:
        if not content:
            content.append(_fetch(uri, shown, headers))
        return pa.BufferReader(content[0])

    return DataFile(shown, open_again)


def _without_query(uri: str) -> str:
    """Return the URL for messages and for its suffix: a query may hold a secret."""
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 - raises where the port is none
    except ValueError as error:
        raise SpecError(f"spec.training.data.uri: is no URL: {error}") from None
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _authorization(credentials: Path) -> dict[str, str]:
    """Return the headers that bear the credentials."""
    token = _secret(credentials / "token")
    if token is not None:
        return {"Authorization": f"Bearer {token}"}
    username, password = _secret(credentials / "username"), _secret(credentials / "password")
    if username is None and password is None:
        return {}
    if username is None or password is None:
        raise SpecError(
            "spec.training.data.credentialsSecret: give token, or both username and password"
        )
    pair = b64encode(f"{username}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def _secret(file: Path) -> str | None:
    try:
        return file.read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"spec.training.data.credentialsSecret: {file.name} cannot be read: {error}"
        ) from error


def _fetch(uri: str, shown: str, headers: dict[str, str]) -> bytes:
    """Return the body; raise DataError for what the user can repair and Outage for what passes."""
    import aiohttp
    from fsspec.implementations.http import HTTPFileSystem

    timeout = aiohttp.ClientTimeout(
        total=None, connect=_CONNECT_SECONDS, sock_read=_SILENCE_SECONDS
    )
    web = HTTPFileSystem(skip_instance_cache=True, timeout=timeout, headers=headers)
    try:
        body: bytes = web.cat_file(uri)
    except FileNotFoundError as error:
        raise DataError(f"{shown}: the server answers 404, there is no such file") from error
    except aiohttp.ClientResponseError as error:
        raise _refusal(shown, error.status, error.message) from error
    except (aiohttp.InvalidURL, aiohttp.ClientConnectorCertificateError) as error:
        raise DataError(f"{shown}: {brief(error)}") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Outage(f"{shown}: cannot be fetched: {brief(error)}") from error
    return body


def _refusal(shown: str, status: int, reason: str) -> DataError | Outage:
    answer = f"{shown}: the server answers {status} {reason}"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return DataError(f"{answer}; check spec.training.data.credentialsSecret")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING_REFUSALS:
        return Outage(answer)
    return DataError(answer)
