"""When and where a model is asked on behalf of requests."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest

from perennial_core.artifact import InstanceRefused, Predictions
from perennial_predictor.cost import Cost, measure
from perennial_predictor.inference import INLINE_SECONDS, Inference
from perennial_predictor.instances import Rows

QUICK = Cost(call=1e-5, row=1e-7)
"""Cheaper together, and no need for a thread."""
SLOW = Cost(call=10 * INLINE_SECONDS, row=1e-7)
"""Cheaper together, in a thread."""
ROW_BY_ROW = Cost(call=0.0, row=1e-5)
"""Together it takes as long as one by one."""


class PlayedModel:
    """Predicts the value of each row, refuses a negative one, and notes how it is asked."""

    def __init__(self) -> None:
        self.asked: list[list[float]] = []
        self.threads: set[int] = set()
        self._calls = threading.Semaphore(0)
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self, rows: Rows) -> Predictions:
        values = [float(value) for (value,) in rows]
        self.asked.append(values)
        self.threads.add(threading.get_ident())
        self._calls.release()
        assert self.may_answer.wait(10)
        if min(values) < 0:
            raise InstanceRefused(f"{min(values)} is negative")
        return Predictions(np.array(values))

    async def is_asked(self) -> None:
        """Wait until it is asked once more."""
        assert await asyncio.to_thread(self._calls.acquire, timeout=10)


async def ask(inference: Inference, *requests: list[float]) -> list[list[float] | BaseException]:
    """Ask for several requests at once, and return the predictions of each."""
    asked = (inference.predict([(value,) for value in values]) for values in requests)
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    return [one if isinstance(one, BaseException) else one.values.tolist() for one in outcomes]


@pytest.mark.parametrize("cost", [QUICK, SLOW, ROW_BY_ROW])
async def test_each_request_gets_the_predictions_of_its_own_rows(cost: Cost) -> None:
    inference = Inference(PlayedModel(), cost, 2)
    assert await ask(inference, [1], [2, 3], [4]) == [[1], [2, 3], [4]]


async def test_requests_of_one_turn_are_predicted_in_one_call() -> None:
    model = PlayedModel()
    await ask(Inference(model, QUICK, 1), [1], [2, 3], [4])
    assert model.asked == [[1, 2, 3, 4]]


async def test_requests_go_alone_where_together_they_are_no_cheaper() -> None:
    model = PlayedModel()
    await ask(Inference(model, ROW_BY_ROW, 1), [1], [2], [3])
    assert model.asked == [[1], [2], [3]]


async def test_who_asks_alone_waits_for_nobody() -> None:
    model = PlayedModel()
    inference = Inference(model, QUICK, 1)
    assert [await ask(inference, [1]), await ask(inference, [2])] == [[[1]], [[2]]]
    assert model.asked == [[1], [2]]


@pytest.mark.parametrize(("first", "asked"), [([[1.0], [2.0]], [[1, 2, 3]]), ([[1.0]], [[1], [3]])])
async def test_requests_that_meet_take_those_of_the_next_turn_along_and_one_alone_does_not(
    first: list[list[float]], asked: list[list[float]]
) -> None:
    model = PlayedModel()
    inference = Inference(model, QUICK, 1)
    asking = asyncio.create_task(ask(inference, *first))
    await asyncio.sleep(0)  # its requests have begun
    await asyncio.sleep(0)  # and wait
    assert await ask(inference, [3]) == [[3]]
    await asking
    assert model.asked == asked


async def test_a_request_that_the_model_refuses_fails_alone() -> None:
    first, refused, last = await ask(Inference(PlayedModel(), QUICK, 1), [1], [-1], [2])
    assert (first, last) == ([1], [2])
    assert isinstance(refused, InstanceRefused)


async def test_a_quick_model_is_asked_without_a_thread_and_a_slow_one_in_one() -> None:
    quick, slow = PlayedModel(), PlayedModel()
    await ask(Inference(quick, QUICK, 1), [1])
    await ask(Inference(slow, SLOW, 1), [1])
    assert quick.threads == {threading.get_ident()}
    assert slow.threads.isdisjoint({threading.get_ident()})


@pytest.mark.parametrize("threads", [1, 2])
async def test_what_arrives_meanwhile_goes_together_where_each_call_takes_long_whatever_the_rows(
    threads: int,
) -> None:
    model = PlayedModel()
    model.may_answer.clear()
    inference = Inference(model, SLOW, threads)
    first = asyncio.create_task(ask(inference, [1]))
    await model.is_asked()
    second = asyncio.create_task(ask(inference, [2]))
    await asyncio.sleep(0.02)
    third = asyncio.create_task(ask(inference, [3]))
    await asyncio.sleep(0.02)
    model.may_answer.set()
    assert [await first, await second, await third] == [[[1]], [[2]], [[3]]]
    assert model.asked == [[1], [2, 3]]


async def test_no_more_predictions_run_at_once_than_there_are_threads() -> None:
    model = PlayedModel()
    model.may_answer.clear()
    inference = Inference(model, Cost(call=0.0, row=10 * INLINE_SECONDS), 2)
    asking = asyncio.create_task(ask(inference, *([float(number)] for number in range(6))))
    await model.is_asked()
    await model.is_asked()
    await asyncio.sleep(0.02)
    assert len(model.asked) == 2
    model.may_answer.set()
    assert await asking == [[number] for number in range(6)]
    assert len(model.threads) == 2


async def test_a_client_that_has_gone_takes_nothing_from_the_others() -> None:
    model = PlayedModel()
    model.may_answer.clear()
    inference = Inference(model, SLOW, 1)
    gone = asyncio.create_task(ask(inference, [1]))
    stays = asyncio.create_task(ask(inference, [2]))
    await model.is_asked()
    gone.cancel()
    model.may_answer.set()
    assert await stays == [[2]]


async def test_matrices_and_lists_of_rows_go_together() -> None:
    model = PlayedModel()
    inference = Inference(model, QUICK, 1)
    matrix = np.array([[1.0], [2.0]])
    outcomes = await asyncio.gather(
        inference.predict(matrix), inference.predict([(3.0,)]), inference.predict(matrix)
    )
    assert [outcome.values.tolist() for outcome in outcomes] == [[1, 2], [3], [1, 2]]
    assert model.asked == [[1, 2, 3, 1, 2]]


async def test_matrices_are_joined_to_one() -> None:
    given: list[Rows] = []

    def predict(rows: Rows) -> Predictions:
        given.append(rows)
        return Predictions(np.asarray(rows)[:, 0])

    inference = Inference(predict, QUICK, 1)
    matrix = np.array([[1.0], [2.0]])
    outcomes = await asyncio.gather(inference.predict(matrix), inference.predict(matrix[:1]))
    assert [outcome.values.tolist() for outcome in outcomes] == [[1, 2], [1]]
    assert [type(rows) for rows in given] == [np.ndarray]


async def test_a_fault_of_the_model_reaches_whoever_asked() -> None:
    def broken(rows: Rows) -> Predictions:
        raise ZeroDivisionError

    for outcome in await ask(Inference(broken, QUICK, 1), [1], [2]):
        assert isinstance(outcome, ZeroDivisionError)


@pytest.mark.parametrize(
    ("cost", "asked"),
    [
        (Cost(call=1e-3, row=1e-6), {1, 16, 256}),  # sixteen rows hardly take longer than one
        (Cost(call=1e-3, row=1e-3), {1, 16}),
        (Cost(call=0.0, row=1.0), {1}),
    ],
)
def test_a_cost_is_measured_by_as_many_rows_as_show_it(
    monkeypatch: pytest.MonkeyPatch, cost: Cost, asked: set[int]
) -> None:
    now = 0.0
    model = PlayedModel()

    def takes_its_time(rows: Rows) -> Predictions:
        nonlocal now
        now += cost.of(len(rows))
        return model(rows)

    monkeypatch.setattr("perennial_predictor.cost.time.thread_time", lambda: now)
    measured = measure(takes_its_time, (1,))
    assert (measured.call, measured.row) == pytest.approx((cost.call, cost.row))
    assert {len(rows) for rows in model.asked} == asked


def test_time_in_which_the_model_has_no_cpu_is_none_of_its_cost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("perennial_predictor.cost._LONG_SECONDS", 0.05)
    asked: list[int] = []

    def held_up(rows: Rows) -> Predictions:
        asked.append(len(rows))
        time.sleep(0.1)
        return Predictions(np.zeros(len(rows)))

    measure(held_up, (1,))
    assert 16 in asked  # not so where a row takes long


async def test_other_work_that_takes_long_is_done_in_a_thread() -> None:
    inference = Inference(PlayedModel(), QUICK, 1)
    assert await inference.in_thread(lambda _: threading.get_ident(), b"") != threading.get_ident()
