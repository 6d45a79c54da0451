"""Several processes that answer for one predictor: how many, and what they say as one."""

from __future__ import annotations

import asyncio
import math
import signal
import socket
from asyncio.subprocess import Process
from collections import Counter
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from served_models import iris, line

from perennial_operator import predictors
from perennial_operator.pod_report import PodReport, read_report
from perennial_predictor.cost import Cost
from perennial_predictor.exposition import text_of
from perennial_predictor.metrics import Metrics
from perennial_predictor.workers import crew, desk, whole
from perennial_predictor.workers.crew import Crew, pause_seconds
from perennial_predictor.workers.merged import merged
from perennial_predictor.workers.plan import Limits, workers_for
from perennial_predictor.workers.shares import Shares

QUICK, SLOW, SLOW_CALL = Cost(1e-5, 1e-7), Cost(1e-5, 1e-3), Cost(1e-3, 1e-7)
MEBIBYTE = 2**20
TAKEN = 100 * MEBIBYTE


@pytest.mark.parametrize(
    ("cost", "cpus", "memory", "workers"),
    [
        (QUICK, 4, None, 4),
        (QUICK, 4, 1024 * MEBIBYTE, 4),
        (QUICK, 4, 512 * MEBIBYTE, 3),
        (QUICK, 4, 150 * MEBIBYTE, 1),
        (QUICK, 4, 100 * MEBIBYTE, 1),
        (QUICK, 1, None, 1),
        (QUICK, 0, None, 1),
        (QUICK, None, None, 1),
        (SLOW, 4, None, 1),
        (SLOW_CALL, 4, None, 4),
    ],
)
def test_a_model_has_a_process_for_each_cpu_that_threads_would_not_use_and_memory_has_room_for(
    cost: Cost, cpus: int | None, memory: int | None, workers: int
) -> None:
    assert workers_for(cost, Limits(cpus, memory), TAKEN) == workers


@pytest.mark.parametrize(("workers", "threads"), [(1, 4), (2, 2), (3, 1), (4, 1), (9, 1)])
def test_the_threads_of_all_processes_are_no_more_than_cpus(
    workers: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perennial_predictor.workers.shares.usable_cpus", lambda: 4)
    assert Shares(workers).threads_for(QUICK) == threads


def test_the_first_model_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perennial_predictor.workers.shares.usable_cpus", lambda: 4)
    monkeypatch.setattr("perennial_predictor.workers.shares.cpu_limit", lambda: 4)
    monkeypatch.setattr("perennial_predictor.workers.shares.memory_limit", lambda: None)
    shares = Shares(None)
    assert [shares.threads_for(cost) for cost in (SLOW, QUICK)] == [4, 4]
    assert shares.workers == 1
    shares = Shares(None)
    assert [shares.threads_for(cost) for cost in (QUICK, SLOW)] == [1, 1]
    assert shares.workers == 4


def process(version: int | None = None, **answered: int) -> bytes:
    """Return what a process measures that serves this version and gave so many answers."""
    metrics = Metrics()
    if version is not None:
        metrics.serves(line().served(version=version), swapped=version > 1)
    for route, number in answered.items():
        for _ in range(number):
            metrics.answered(f"/{route}", 200, 0.001 * number)
    return text_of(metrics)()


def said(*alive: bytes, ended: bytes = b"") -> PodReport:
    return read_report("pod", "uid", merged(alive, [ended]).decode())


def test_requests_add_up() -> None:
    report = said(process(1, predict=2), process(1, predict=40), process(1))
    assert report.requests == 42
    assert dict(report.latency)[0.0025] == 2
    assert dict(report.latency)[math.inf] == 42


def test_predictions_add_up_and_the_version_is_one() -> None:
    processes = []
    for value in (1.0, 2.0):
        metrics, served = Metrics(), line(slope=2).served(version=7)
        metrics.serves(served, swapped=False)
        asyncio.run(served.answer_body(b'{"instances": [[%f]]}' % value))
        processes.append(text_of(metrics)())
    report = said(*processes)
    assert report.version == 7
    assert report.predictions == 2
    assert report.prediction_sum == pytest.approx(5 + 7)


def test_labels_add_up() -> None:
    metrics, served = Metrics(), iris().served()
    metrics.serves(served, swapped=False)
    asyncio.run(served.answer_body(b'{"instances": [[5.1, 3.5, 1.4, 0.2]]}'))
    assert said(text_of(metrics)(), text_of(metrics)()).classes == Counter(
        setosa=2, versicolor=0, virginica=0
    )


def test_a_version_serves_once_all_processes_serve_it() -> None:
    assert said(process(2), process(1)).version == 1
    assert said(process(2), process(2)).version == 2
    assert said(process(2), process(None)).version == 2
    assert said(process(None), process(None)).version is None


def test_one_swap_of_all_is_one_swap() -> None:
    assert b"perennial_model_swaps_total 1.0" in merged([process(2), process(2)])


def test_a_problem_of_one_is_a_problem() -> None:
    metrics = Metrics()
    metrics.problem(True)
    assert said(process(1), text_of(metrics)()).has_problem


def test_what_a_process_counted_stays_when_it_has_ended_and_its_version_does_not() -> None:
    report = said(process(2, predict=1), ended=merged([], [b"", process(1, predict=5)]))
    assert report.requests == 6
    assert report.version == 2


def test_alone_a_process_says_what_it_says() -> None:
    alone = process(1, predict=3, readyz=1)
    assert sorted(merged([alone]).splitlines()) == sorted(alone.splitlines())


async def test_a_question_is_answered(tmp_path: Path) -> None:
    async def answer(question: bytes) -> bytes:
        return question * 100_000

    async with await desk.answering(tmp_path / "0", answer):
        assert await desk.ask(tmp_path / "0", b"/metrics", 20) == b"/metrics" * 100_000


async def test_who_asked_may_have_gone_before_the_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    has_gone, answered = asyncio.Event(), asyncio.Event()

    async def answer(_: bytes) -> bytes:
        await has_gone.wait()
        answered.set()
        return b"x" * 10_000_000

    async with await desk.answering(tmp_path / "0", answer):
        with pytest.raises(TimeoutError):
            await desk.ask(tmp_path / "0", b"", 0.05)
        has_gone.set()
        await answered.wait()
        await asyncio.sleep(0.05)
    assert caplog.text == ""


async def test_where_nobody_answers_or_not_in_time_that_is_told(tmp_path: Path) -> None:
    async def silent(_: bytes) -> bytes:
        await asyncio.sleep(0.5)
        return b"too late"

    with pytest.raises(OSError):
        await desk.ask(tmp_path / "0", b"", 0.05)
    async with await desk.answering(tmp_path / "0", silent):
        with pytest.raises(OSError):
            await desk.ask(tmp_path / "0", b"", 0.05)


def test_who_looks_waits_longer_than_is_waited_for_one_that_hangs() -> None:
    assert min(whole._SECONDS, predictors._SECONDS) > crew._LISTEN_SECONDS


class PlayedCrew(Crew):
    """A crew of one process, which does nothing but last, so many seconds."""

    def __init__(
        self,
        folder: TemporaryDirectory[str],
        desk_of_first: asyncio.AbstractServer,
        lasts: str = "600",
    ) -> None:
        self._lasts = lasts
        self.started: list[Process] = []
        self.has_started, self.is_seen = asyncio.Event(), asyncio.Event()
        super().__init__(2, socket.socket(), folder, desk_of_first)

    async def _started(self, number: int) -> Process:
        self.started.append(await asyncio.create_subprocess_exec("sleep", self._lasts))
        self.has_started.set()
        if len(self.started) == 2:
            self.is_seen.set()
        return self.started[-1]


@pytest.mark.parametrize(("answers", "started"), [(1, 2), (0, 1)])
async def test_a_process_that_answers_no_more_is_ended_and_one_that_has_yet_to_begin_is_not(
    answers: int, started: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(_: bytes) -> bytes:
        return b""

    async def said(*_: object) -> bytes:
        number = next(numbers)
        if number == 20:
            played.is_seen.set()
        if number < answers:
            return process(1)
        raise TimeoutError

    numbers = count()
    monkeypatch.setattr(crew, "ask", said)
    monkeypatch.setattr(crew, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(crew, "_PAUSE_SECONDS", 0.01)
    folder: TemporaryDirectory[str] = TemporaryDirectory()
    played = PlayedCrew(folder, await desk.answering(Path(folder.name) / "0.sock", asked))
    await played.is_seen.wait()
    assert len(played.started) == started
    await played.stop(5)
    assert all(each.returncode is not None for each in played.started)


async def test_a_process_that_hangs_is_waited_for_once_and_what_it_said_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def asked(_: bytes) -> bytes:
        return b""

    async def said(*_: object) -> bytes:
        if next(looks) == 0:
            return process(1, predict=5)
        raise TimeoutError

    looks = count()
    monkeypatch.setattr(crew, "ask", said)
    folder: TemporaryDirectory[str] = TemporaryDirectory()
    played = PlayedCrew(folder, await desk.answering(Path(folder.name) / "0.sock", asked))
    await played.has_started.wait()
    own = process(1, predict=2)
    texts = [await played.exposition(own) for _ in range(5)]
    assert [read_report("pod", "uid", text.decode()).requests for text in texts] == [7] * 5
    assert next(looks) == 2
    await played.stop(5)


async def test_who_ends_does_not_wait_until_a_process_would_be_started_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def asked(_: bytes) -> bytes:
        return b""

    monkeypatch.setattr(crew, "_PAUSE_SECONDS", 600)
    monkeypatch.setattr(crew, "_LONGEST_PAUSE_SECONDS", 600)
    folder: TemporaryDirectory[str] = TemporaryDirectory()
    played = PlayedCrew(folder, await desk.answering(Path(folder.name) / "0.sock", asked), "0")
    await played.has_started.wait()
    await played.started[0].wait()
    async with asyncio.timeout(30):
        await played.stop(600)
    assert len(played.started) == 1


async def test_a_process_that_is_started_as_all_end_ends_too() -> None:
    async def asked(_: bytes) -> bytes:
        return b""

    folder: TemporaryDirectory[str] = TemporaryDirectory()
    played = PlayedCrew(folder, await desk.answering(Path(folder.name) / "0.sock", asked))
    await asyncio.sleep(0)  # it is being started
    played.leave()
    async with asyncio.timeout(30):
        await played.stop(600)
    assert [each.returncode for each in played.started] == [-signal.SIGTERM]


@pytest.mark.parametrize(("failures", "seconds"), [(0, 1), (1, 2), (3, 8), (6, 60), (5000, 60)])
def test_what_never_answered_is_started_anew_less_and_less_often(
    failures: int, seconds: float
) -> None:
    assert pause_seconds(failures) == seconds
