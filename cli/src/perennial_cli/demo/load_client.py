"""A client that asks for predictions without a pause, and counts what it gets."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType

_TIMEOUT_SECONDS = 10.0
_PAUSE_SECONDS = 0.002
"""Between two requests of a connection, so that two cores have time to train as well."""


@dataclass(frozen=True)
class Answer:
    """One prediction of a model with one feature."""

    prediction: float
    version: int
    body: str
    """As it came."""


@dataclass
class Tally:
    """What one connection got."""

    answers: Counter[int] = field(default_factory=Counter)
    """Right answers by version."""
    failures: list[str] = field(default_factory=list)


class Connection(AbstractContextManager["Connection"]):
    """One connection, kept alive over all its requests.

    Args:
        port: Where the predictor answers, on the loopback address.

    Raises:
        OSError: Nothing answers.
    """

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
        self._http.connect()
        self._http.auto_open = 0  # a closed connection is a failure, not a reason to open another

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def ask(self, x: float) -> Answer:
        """Return the prediction for x.

        Raises:
            OSError: The connection broke.
            ValueError: The answer is no prediction.
        """
        try:
            self._http.request("GET", f"/?msg={x:g}")
            response = self._http.getresponse()
            body = response.read().decode(errors="replace")
        except http.client.HTTPException as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        if response.status != http.client.OK:
            raise ValueError(f"status {response.status}: {body[:200]}")
        return _to_answer(body)


def _to_answer(body: str) -> Answer:
    said = json.loads(body)
    try:
        return Answer(float(said["prediction"]), int(said["version"]), body)
    except (KeyError, TypeError) as error:
        raise ValueError(f"no prediction: {body[:200]}") from error


def ask_once(port: int, x: float) -> Answer:
    """Return the prediction for x, over a connection of its own; raises as Connection.ask."""
    with Connection(port) as connection:
        return connection.ask(x)


class LoadClient(AbstractContextManager["LoadClient"]):
    """Asks over several connections while the context is open.

    Args:
        port: Where the predictor answers, on the loopback address.
        connections: How many threads ask, each over a connection of its own.
        x: What they ask for.
        is_right: Whether a prediction is right; a wrong one counts as a failure.
    """

    def __init__(
        self, port: int, connections: int, x: float, is_right: Callable[[float], bool]
    ) -> None:
        self._port = port
        self._x = x
        self._is_right = is_right
        self._end = threading.Event()
        self._tallies = [Tally() for _ in range(connections)]
        self._threads = [
            threading.Thread(target=self._ask, args=(tally,), daemon=True)
            for tally in self._tallies
        ]

    def __enter__(self) -> LoadClient:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    @property
    def answers(self) -> Counter[int]:
        """Right answers so far, by version."""
        return sum((Counter(tally.answers) for tally in self._tallies), Counter())

    @property
    def failures(self) -> list[str]:
        """What went wrong so far, an item for each failed request."""
        return [failure for tally in self._tallies for failure in tally.failures]

    def _ask(self, tally: Tally) -> None:
        while not self._end.is_set():
            try:
                self._ask_over_one_connection(tally)
            except (OSError, ValueError) as error:
                tally.failures.append(str(error))
                time.sleep(_PAUSE_SECONDS)

    def _ask_over_one_connection(self, tally: Tally) -> None:
        with Connection(self._port) as connection:
            while not self._end.is_set():
                answer = connection.ask(self._x)
                if self._is_right(answer.prediction):
                    tally.answers[answer.version] += 1
                else:
                    tally.failures.append(f"wrong: {answer}")
                time.sleep(_PAUSE_SECONDS)
