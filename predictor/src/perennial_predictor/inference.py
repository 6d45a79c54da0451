"""When and where a model predicts: together where that is cheaper, in a thread where it is slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TypeVar

import numpy as np

from perennial_core.artifact import Predictions
from perennial_predictor.cost import Cost, Predict
from perennial_predictor.instances import Rows

INLINE_SECONDS = 0.0003
"""What takes longer is computed in a thread, so that other requests and probes need not wait."""

_BATCH_SECONDS = 0.02
"""No longer are the batches that requests are joined to, for all wait for the whole of it."""

T = TypeVar("T")


_Waiting = tuple[Rows, asyncio.Future[Predictions]]
"""The rows of a request, and where their predictions go."""


class Inference:
    """Asks a model on behalf of requests.

    What arrives in one turn of the event loop, or while all threads are busy, is predicted together
    where the model favours that, and with two or more what arrives in the next turn. Nothing waits
    longer for more to come. A second thread is asked only for what takes longer than the call
    itself.

    Args:
        predict: Asks the model; it is called in any thread.
        cost: Of that.
        threads: How many may predict at once.
    """

    def __init__(self, predict: Predict, cost: Cost, threads: int) -> None:
        self._predict = predict
        self._cost = cost
        self._batch_rows = cost.rows_in(_BATCH_SECONDS) if cost.favours_batches else 1
        self._width = threads
        self._threads = ThreadPoolExecutor(threads, "inference")  # started as they are needed
        self._waiting: list[_Waiting] = []
        self._busy = 0
        self._is_due = False
        self._has_looked = False

    async def predict(self, rows: Rows) -> Predictions:
        """Return the predictions for the rows of one request.

        Raises:
            Problem: The model cannot predict for them.
        """
        loop = asyncio.get_running_loop()
        predictions: asyncio.Future[Predictions] = loop.create_future()
        self._waiting.append((rows, predictions))
        if not self._is_due:
            self._schedule(loop)
        return await predictions

    async def in_thread(self, work: Callable[[bytes], T], request: bytes) -> T:
        """Return what work comes to that takes long by itself, such as reading many rows."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, work, request)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the model asked once this turn of the event loop is over."""
        self._is_due = True
        loop.call_soon(self._ask, loop)

    def _ask(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ask for the first batch of those that wait, unless it has to wait for a thread."""
        if len(self._waiting) > 1 and self._looks_again():
            loop.call_soon(self._ask, loop)
            return
        self._is_due = False
        batch = self._first_batch()
        requests = [rows for rows, _ in batch]
        number = sum(map(len, requests))
        if self._cost.of(number) <= INLINE_SECONDS:
            _settle(batch, outcomes(self._predict, requests))
        elif self._has_thread_for(number):
            self._ask_in_thread(loop, batch, requests)
        else:
            return
        del self._waiting[: len(batch)]
        if self._waiting:
            self._schedule(loop)

    def _looks_again(self) -> bool:
        """Return whether to wait one turn: what is read by now may not be parsed yet."""
        self._has_looked = not self._has_looked and self._batch_rows > 1
        return self._has_looked

    def _has_thread_for(self, rows: int) -> bool:
        """Return whether a thread is to be asked for so many rows now.

        What a call takes whatever the rows is mostly the interpreter's work, such as scikit-learn's
        checks, which no two threads do at once: such calls would only hinder each other.
        """
        if not self._busy:
            return True
        return self._busy < self._width and not self._cost.is_mostly_call(rows)

    def _ask_in_thread(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: Sequence[_Waiting],
        requests: Sequence[Rows],
    ) -> None:
        def done(asked: asyncio.Future[list[Predictions | Exception]]) -> None:
            self._busy -= 1
            _settle(batch, asked.result())
            if self._waiting and not self._is_due:
                self._schedule(loop)

        self._busy += 1
        loop.run_in_executor(self._threads, outcomes, self._predict, requests).add_done_callback(
            done
        )

    def _first_batch(self) -> list[_Waiting]:
        """Return the first that waits, and those after it that are better asked along with it."""
        rows = 0
        for number, (more, _) in enumerate(self._waiting):
            rows += len(more)
            if number and rows > self._batch_rows:
                return self._waiting[:number]
        return self._waiting[:]


def outcomes(predict: Predict, requests: Sequence[Rows]) -> list[Predictions | Exception]:
    """Return what a model predicts for each request, or why it does not.

    When it refuses them together, each is asked for alone: none fails for what another holds.
    """
    try:
        predictions = predict(_joined(requests))
    except Exception as error:  # noqa: BLE001 whoever asked gets it
        if len(requests) == 1:
            return [error]
        return [outcome for rows in requests for outcome in outcomes(predict, [rows])]
    return [predictions] if len(requests) == 1 else _shares(predictions, map(len, requests))


def _joined(requests: Sequence[Rows]) -> Rows:
    """Return the rows of all requests; matrices are not taken apart where all are some."""
    if len(requests) == 1:
        return requests[0]
    matrices = [rows for rows in requests if isinstance(rows, np.ndarray)]
    if len(matrices) == len(requests):
        return np.concatenate(matrices)
    return list(chain.from_iterable(requests))


def _shares(predictions: Predictions, rows: Iterable[int]) -> list[Predictions | Exception]:
    """Return each request's share of the predictions for all of their rows."""
    shares: list[Predictions | Exception] = []
    begin = 0
    for number in rows:
        share = slice(begin, begin + number)
        shares.append(predictions.rows(share))
        begin += number
    return shares


def _settle(batch: Sequence[_Waiting], answers: Sequence[Predictions | Exception]) -> None:
    for (_, predictions), answer in zip(batch, answers, strict=True):
        if predictions.done():  # whoever asked has gone
            continue
        if isinstance(answer, Exception):
            predictions.set_exception(answer)
        else:
            predictions.set_result(answer)
