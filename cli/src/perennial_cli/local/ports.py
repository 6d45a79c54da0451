"""Where a predictor answers on this machine, and whether something else does already."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from perennial_core.errors import UserError
from perennial_core.resource import ServingSpec

HOST = "127.0.0.1"


class PortTaken(UserError):
    """Something else has a port; it passes once that is ended."""


@dataclass(frozen=True)
class Ports:
    """Where a predictor answers."""

    http: int
    grpc: int | None
    http_field: str
    """What names the first of the two."""

    @classmethod
    def of(cls, serving: ServingSpec, given: int | None) -> Ports:
        """Return the ports of a resource.

        Args:
            serving: What the resource says.
            given: The port of ``--port``, which comes first.
        """
        field = "spec.serving.port or --port" if given is None else "--port"
        return cls(given or serving.port, serving.grpc_port, field)

    def __str__(self) -> str:
        return f"port {self.http}" + (f", {self.grpc} for gRPC" if self.grpc else "")

    def fields(self) -> dict[int, str]:
        """Return each port with what names it."""
        grpc = {} if self.grpc is None else {self.grpc: "spec.serving.grpcPort"}
        return {self.http: self.http_field} | grpc


def check_free(ports: Ports, *ours: Ports) -> None:
    """Refuse ports that something else has.

    Args:
        ports: What are to be free.
        ours: What may be taken, for it is by us.

    Raises:
        PortTaken: One is not; the text says what to do.
    """
    for port, field in ports.fields().items():
        if not any(port in own.fields() for own in ours):
            _check_free(port, field)


def _check_free(port: int, field: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            remedy = f"name another with {field}, or free it"
            raise PortTaken(f"port {port}: {error.strerror}; {remedy}") from None
