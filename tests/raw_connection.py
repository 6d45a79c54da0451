"""A connection over which bytes are sent as they are, and answers read one by one."""

from __future__ import annotations

import socket
import struct
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType

_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Answer:
    """One answer."""

    status: int
    headers: dict[str, str]
    """By their names in lower case."""
    body: bytes


def request(
    method: str, target: str, body: bytes = b"", *, version: str = "1.1", **headers: str
) -> bytes:
    """Return a request; an underscore in a header's name stands for a hyphen."""
    named = {"host": "localhost"} | ({"content_length": str(len(body))} if body else {}) | headers
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items()]
    return f"{method} {target} HTTP/{version}\r\n{''.join(lines)}\r\n".encode() + body


def chunked(body: bytes, size: int) -> bytes:
    """Return a body in chunks of so many bytes."""
    parts = [body[begin : begin + size] for begin in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])


class RawConnection(AbstractContextManager["RawConnection"]):
    """An open connection; leaving the context closes it."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._arrived = self._socket.makefile("rb")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._arrived.close()
        self._socket.close()

    def send(self, sent: bytes) -> RawConnection:
        self._socket.sendall(sent)
        return self

    def answer(self, *, head_only: bool = False) -> Answer:
        """Read the next answer, of which there is only the head where it is one to HEAD."""
        status = int(self._arrived.readline().split()[1])
        lines = iter(self._arrived.readline, b"\r\n")
        pairs = (line.decode().rstrip().split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in pairs}
        length = 0 if head_only else int(headers.get("content-length", 0))
        return Answer(status, headers, self._arrived.read(length))

    def reset(self) -> None:
        """Leave with a reset: what is under way is lost, and what the server reads next fails."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._arrived.close()
        self._socket.close()

    def is_closed(self) -> bool:
        """Wait until the server closes, and return whether it does so with nothing more to say."""
        return self._arrived.read(1) == b""
