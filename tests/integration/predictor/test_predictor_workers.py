"""Several processes accept on one port, and are one predictor to whoever looks."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import httpx
import pytest
from bundled_predictor import bundled_predictor
from predictor_process import PredictorProcess
from served_models import line, published

from perennial_cli.local.redis_server import free_port
from perennial_core.identity import ModelKey
from perennial_core.settings import RegistrySettings
from perennial_predictor.workers.crew import address_of
from perennial_predictor.workers.desk import ask

PATIENCE_SECONDS = 30.0
SERVER_LIVE = "/inference.GRPCInferenceService/ServerLive"


def children(process: PredictorProcess) -> list[int]:
    """Return the processes that the first has started."""
    first = process.process.pid
    return [int(pid) for pid in Path(f"/proc/{first}/task/{first}/children").read_text().split()]


def log_of(process: PredictorProcess, event: str) -> int:
    return sum(said["event"] == event for said in process.log())


def measured(process: PredictorProcess, series: str) -> float:
    found = re.search(
        rf"^{re.escape(series)} (\S+)$", httpx.get(f"{process.url}/metrics").text, re.M
    )
    return float(found[1]) if found else 0.0


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def all_serve(process: PredictorProcess, number: int) -> None:
    """Wait until so many processes serve a first version."""
    process.ready()
    eventually(lambda: log_of(process, "serving") >= number)


@pytest.fixture
def two(tmp_path: Path) -> PredictorProcess:
    return bundled_predictor(tmp_path, line(), workers=2)


def answers(process: PredictorProcess, number: int) -> None:
    """Have so many requests answered, each over a connection of its own."""
    for _ in range(number):
        answer = httpx.post(f"{process.url}/predict", json={"instances": [[1]]})
        assert answer.json()["predictions"] == [pytest.approx(5)]


def test_what_all_counted_is_told_whoever_is_asked(two: PredictorProcess) -> None:
    series = 'perennial_requests_total{route="/predict",status="200"}'
    with two as process:
        all_serve(process, 2)
        assert len(children(process)) == 1
        answers(process, 30)
        assert {measured(process, series) for _ in range(10)} == {30.0}
        assert measured(process, "perennial_predictions_total") == 30
        assert {httpx.get(f"{process.url}/readyz").status_code for _ in range(10)} == {200}
        assert {httpx.get(f"{process.url}/healthz").status_code for _ in range(10)} == {200}


def test_a_process_that_ended_is_started_anew_and_no_count_goes_back(
    two: PredictorProcess,
) -> None:
    series = 'perennial_requests_total{route="/predict",status="200"}'
    with two as process:
        all_serve(process, 2)
        answers(process, 20)
        assert measured(process, series) == 20
        (ended,) = children(process)
        os.kill(ended, signal.SIGKILL)
        eventually(lambda: bool(children(process)) and children(process) != [ended])
        all_serve(process, 3)
        answers(process, 20)
        assert measured(process, series) == 40


def counted_by(worker: int) -> str:
    """Return what a further process measured itself."""
    command = Path(f"/proc/{worker}/cmdline").read_text().split("\0")
    directory, number = command[4:6]
    return asyncio.run(ask(address_of(Path(directory), int(number)), b"", 20)).decode()


def called(process: PredictorProcess, number: int) -> list[bool]:
    """Ask by gRPC so many times, each over a connection of its own, whether the server lives."""

    def is_live() -> bool:
        own = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(process.grpc, options=own) as channel:
            live: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(SERVER_LIVE)
            return live(b"", timeout=20) == b"\x08\x01"

    return [is_live() for _ in range(number)]


def test_all_answer_by_grpc_and_what_they_counted_adds_up(tmp_path: Path) -> None:
    series = f'perennial_requests_total{{route="{SERVER_LIVE}",status="200"}}'
    with bundled_predictor(tmp_path, line(), workers=2, grpc_port=free_port()) as process:
        all_serve(process, 2)
        eventually(lambda: log_of(process, "listening for gRPC") == 2)
        assert all(called(process, 40))
        assert measured(process, series) == 40
        (further,) = children(process)
        found = re.search(rf"^{re.escape(series)} (\S+)$", counted_by(further), re.M)
        assert found is not None
        assert 0 < float(found[1]) < 40


def test_no_call_by_grpc_is_lost_as_all_end(tmp_path: Path) -> None:
    process = bundled_predictor(
        tmp_path, line(), workers=2, grpc_port=free_port(), drain_min_seconds=6
    )
    with process:
        all_serve(process, 2)
        eventually(lambda: log_of(process, "listening for gRPC") == 2)
        process.terminate()
        assert all(called(process, 20))
        assert process.exit_code() == 0


def test_what_keeps_a_further_process_from_starting_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = map(str, (listener.fileno(), tmp_path, 1, 2))
        ended = subprocess.run(
            [sys.executable, "-m", "perennial_predictor.workers.worker", *place],
            env=os.environ | {"PERENNIAL_BUNDLE": str(tmp_path / "nowhere")},
            pass_fds=[listener.fileno()],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    (said,) = map(json.loads, ended.stdout.splitlines())
    assert (said["event"], said["worker"], ended.stderr) == ("cannot start", 1, "")
    assert "nowhere" in said["error"]


def test_where_no_further_process_can_be_started_that_is_said_and_one_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("too-long-for-a-socket" * 5)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    with bundled_predictor(tmp_path, line(), workers=2) as process:
        process.ready()
        eventually(lambda: log_of(process, "one process answers") == 1)
        answers(process, 3)
        assert measured(process, "perennial_predictions_total") == 3
        assert children(process) == []


def failure_of(client: httpx.Client) -> list[str]:
    """Ask once, and return what went wrong: nothing or one thing."""
    try:
        answer = client.post("/predict", json={"instances": [[1]]})
    except httpx.TransportError as error:
        return [repr(error)]
    return [] if answer.status_code == 200 else [answer.text]


def test_what_a_process_counted_is_told_while_it_hangs(two: PredictorProcess) -> None:
    with two as process:
        all_serve(process, 2)
        answers(process, 5)
        assert measured(process, "perennial_predictions_total") == 5
        (further,) = children(process)
        os.kill(further, signal.SIGSTOP)
        try:
            assert {measured(process, "perennial_predictions_total") for _ in range(3)} == {5.0}
        finally:
            os.kill(further, signal.SIGCONT)  # so that it ends when the first does


def test_no_request_is_lost_as_all_end(tmp_path: Path) -> None:
    process = bundled_predictor(tmp_path, line(), workers=2, drain_min_seconds=6)
    failures: list[str] = []
    draining = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=process.url, timeout=20) as client:
            while not draining.is_set():
                failures.extend(failure_of(client))
            for _ in range(20):  # within the shortest time of the drain
                failures.extend(failure_of(client))

    with process:
        all_serve(process, 2)
        further = children(process)
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        process.terminate()
        draining.set()
        for thread in threads:
            thread.join()
        assert process.exit_code() == 0
        assert not failures
        assert not any(Path(f"/proc/{pid}").exists() for pid in further)
        assert log_of(process, f"Finished server process [{further[0]}]") == 1


def test_all_end_with_the_first(two: PredictorProcess) -> None:
    with two as process:
        all_serve(process, 2)
        further = children(process)
        process.process.kill()
        process.process.wait()
        eventually(lambda: not any(_runs(pid) for pid in further))


def _runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_all_follow_the_registry(
    registry_settings: RegistrySettings, key: ModelKey, tmp_path: Path
) -> None:
    published(registry_settings, key, line(slope=2))
    with PredictorProcess(
        tmp_path, registry_settings, model=str(key), workers=2, drain_min_seconds=0
    ) as process:
        all_serve(process, 2)
        published(registry_settings, key, line(slope=20))
        eventually(lambda: measured(process, f'perennial_model_version{{model="{key}"}}') == 2)
        answers = [httpx.get(f"{process.url}/?msg=1") for _ in range(20)]
        assert {answer.headers["x-model-version"] for answer in answers} == {"2"}
