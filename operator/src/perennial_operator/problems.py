"""What goes wrong on the way of a reconcile, which goes on as far as it can."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from perennial_core.errors import Outage, UserError
from perennial_operator.cluster import ClusterRefused
from perennial_operator.state import Problem, Trouble


class Problems:
    """Collects problems to report."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.outage: Outage | None = None
        """The registry did not answer: the model has to be tried again."""

    def add(self, trouble: Trouble, message: str) -> None:
        self.found.append(Problem(trouble, message))

    @contextmanager
    def of_registry(self) -> Iterator[None]:
        """Note what the registry refuses or does not answer, and go on."""
        try:
            yield
        except Outage as error:
            self.outage = error
            # always the same text: how Redis fails changes from one second to the next
            text = "the registry does not answer; what serves goes on serving"
            self.add(Trouble.REGISTRY_UNAVAILABLE, text)
        except UserError as error:
            self.add(Trouble.REGISTRY_REFUSED, str(error))

    @contextmanager
    def of_cluster(self) -> Iterator[None]:
        """Note what the API server refuses, and go on."""
        try:
            yield
        except ClusterRefused as error:
            self.add(Trouble.API_REFUSED, str(error))
