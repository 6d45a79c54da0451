"""The Open Inference Protocol over gRPC, as clients written by others speak it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from predictor_process import PredictorProcess, run_with
from served_models import FittedModel, iris, line, mixed, plane, published
from tritonclient.grpc import (
    InferenceServerClient,
    InferInput,
    InferRequestedOutput,
    InferResult,
    service_pb2,
)
from tritonclient.utils import InferenceServerException

from perennial_cli.local.redis_server import RedisServer, free_port
from perennial_core.identity import ModelKey
from perennial_core.settings import RegistrySettings

SERVICE = "inference.GRPCInferenceService"
INFER = f"/{SERVICE}/ModelInfer"
MAX_BYTES = 64 * 1024

CLIENTS_FAULT = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}


class Asked(PredictorProcess):
    """A predictor that answers gRPC too, and a client."""

    def __enter__(self) -> Asked:
        super().__enter__()
        self.triton = InferenceServerClient(self.grpc)
        self.channel = grpc.insecure_channel(self.grpc)
        self.method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(INFER)
        self.health: Any = HealthStub(self.channel)
        return self

    def __exit__(self, *raised: Any) -> None:
        self.triton.close()
        self.channel.close()
        super().__exit__(*raised)

    def infer(self, *inputs: InferInput, **more: Any) -> InferResult:
        return self.triton.infer(self.name, list(inputs), **more)

    @property
    def name(self) -> str:
        return "asked"

    def send(self, message: bytes) -> tuple[grpc.StatusCode, bytes]:
        """Send any bytes as a request for predictions, and return what comes of it."""
        try:
            return grpc.StatusCode.OK, self.method(message, timeout=20)
        except grpc.RpcError as error:
            return error.code(), b""

    def typed(self, *inputs: Any, **more: Any) -> Any:
        """Ask with the elements in typed fields."""
        message = service_pb2.ModelInferRequest(model_name=self.name, inputs=inputs, **more)
        _, answer = self.send(message.SerializeToString())
        return service_pb2.ModelInferResponse.FromString(answer)


def tensor(name: str, values: Any, datatype: str = "FP64") -> InferInput:
    array = np.array(values)
    given = InferInput(name, list(array.shape), datatype)
    given.set_data_from_numpy(array)
    return given


def refusal(asked: Asked, *inputs: InferInput, **more: Any) -> tuple[str, str]:
    """Return status and text with which a request is refused."""
    with pytest.raises(InferenceServerException) as raised:
        asked.infer(*inputs, **more)
    return raised.value.status(), raised.value.message()


def serving(
    model: FittedModel, namespace: str, redis: RedisServer, directory: Path, **more: Any
) -> Asked:
    key, registry = ModelKey(namespace, "asked"), RegistrySettings.of({"url": redis.url})
    published(registry, key, model)
    return Asked(directory, registry, model=str(key), grpc_port=free_port(), **more)


@pytest.fixture(scope="module")
def asked(shared_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """Serves the plane x1 - 3 * x2."""
    directory = tmp_path_factory.mktemp("plane")
    with serving(plane(), "plane", shared_redis, directory, max_body_bytes=MAX_BYTES) as process:
        process.ready()
        yield process


POINTS = tensor("input-0", [[1.0, 2.0], [3.0, 4.0]])


def test_the_server_says_what_it_is(asked: Asked) -> None:
    assert asked.triton.is_server_live()
    assert asked.triton.is_server_ready()
    assert asked.triton.get_server_metadata().name == "perennial"


def test_the_model_says_what_it_takes(asked: Asked) -> None:
    assert asked.triton.is_model_ready("asked")
    assert asked.triton.is_model_ready("asked", "1")
    metadata = asked.triton.get_model_metadata("asked")
    assert (metadata.name, list(metadata.versions)) == ("asked", ["1"])
    assert [(i.name, i.datatype, list(i.shape)) for i in metadata.inputs] == [
        ("x1", "FP64", [-1]),
        ("x2", "FP64", [-1]),
    ]
    assert [(o.name, o.datatype, list(o.shape)) for o in metadata.outputs] == [("y", "FP64", [-1])]


def test_predictions_are_those_of_http(asked: Asked) -> None:
    over_http = asked.client.post("/predict", json={"instances": [[1, 2], [3, 4]]}).json()
    columns = tensor("x1", [1.0, 3.0]), tensor("x2", [2.0, 4.0])
    for inputs in ((POINTS,), columns):
        assert asked.infer(*inputs).as_numpy("y").tolist() == over_http["predictions"]


def test_version_id_and_parameters_are_in_the_answer(asked: Asked) -> None:
    parameters = {"text": "a", "number": 3, "flag": True}
    answer = asked.infer(POINTS, request_id="7", parameters=parameters).get_response()
    assert (answer.model_name, answer.model_version, answer.id) == ("asked", "1", "7")
    assert answer.parameters["text"].string_param == "a"
    assert answer.parameters["number"].int64_param == 3
    assert answer.parameters["flag"].bool_param is True


def test_an_answer_is_raw_where_the_request_was(asked: Asked) -> None:
    raw = asked.infer(POINTS).get_response()
    assert len(raw.raw_output_contents) == 1
    assert not raw.outputs[0].HasField("contents")
    contents = {"fp64_contents": [1, 2, 3, 4]}
    typed = asked.typed(
        {"name": "input-0", "datatype": "FP64", "shape": [2, 2], "contents": contents}
    )
    assert not typed.raw_output_contents
    assert list(typed.outputs[0].contents.fp64_contents) == pytest.approx([-5, -9])
    assert typed.model_version == "1"


@pytest.mark.parametrize(
    "datatype", [f"{kind}{bits}" for kind in ("INT", "UINT") for bits in (8, 16, 32, 64)]
)
def test_integers_of_every_size_are_taken(asked: Asked, datatype: str) -> None:
    points = tensor("input-0", np.array([[1, 2], [3, 4]], dtype=datatype.lower()), datatype)
    assert asked.infer(points).as_numpy("y") == pytest.approx([-5, -9])


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_floats_of_every_size_are_taken(asked: Asked, bits: int) -> None:
    points = tensor("input-0", np.array([[1, 2], [3, 4]], dtype=f"float{bits}"), f"FP{bits}")
    assert asked.infer(points).as_numpy("y") == pytest.approx([-5, -9])


def test_a_classifier_gives_labels_and_probabilities(
    shared_redis: RedisServer, tmp_path: Path
) -> None:
    model = iris()
    with serving(model, "iris", shared_redis, tmp_path) as process:
        process.ready()
        rows = model.instances()[:50:10] + model.instances()[50::30]
        over_http = process.client.post("/predict", json={"instances": rows}).json()
        inputs = tensor("input-0", rows)
        both = process.infer(inputs)
        labels = [label.decode() for label in both.as_numpy("y")]
        assert labels == over_http["predictions"]
        assert both.as_numpy("probabilities").tolist() == over_http["probabilities"]
        wanted = [InferRequestedOutput("probabilities")]
        only = process.infer(inputs, outputs=wanted).get_response()
        assert [output.name for output in only.outputs] == ["probabilities"]
        status, text = refusal(process, inputs, outputs=[InferRequestedOutput("z")])
        assert (status, "'z': not an output" in text) == ("StatusCode.INVALID_ARGUMENT", True)


def test_columns_of_every_type_are_taken(shared_redis: RedisServer, tmp_path: Path) -> None:
    with serving(mixed(), "mixed", shared_redis, tmp_path) as process:
        process.ready()
        rows = [[1.5, 2, True, "rot é", "a"], [3.0, 4, False, "blue", "c"]]
        over_http = process.client.post("/predict", json={"instances": rows}).json()
        number, count, flag, colour, code = zip(*rows, strict=True)
        texts = (np.array([text.encode() for text in column], object) for column in (colour, code))
        colours, codes = (
            tensor(n, t, "BYTES") for n, t in zip(("colour", "code"), texts, strict=True)
        )
        answer = process.infer(
            tensor("number", number),
            tensor("count", count, "INT64"),
            tensor("flag", flag, "BOOL"),
            colours,
            codes,
        )
        assert answer.as_numpy("y").tolist() == over_http["predictions"]
        typed = process.typed(
            *(
                {"name": name, "datatype": datatype, "shape": [2], "contents": {field: column}}
                for name, datatype, field, column in (
                    ("number", "FP64", "fp64_contents", number),
                    ("count", "INT64", "int64_contents", count),
                    ("flag", "BOOL", "bool_contents", flag),
                    ("colour", "BYTES", "bytes_contents", [text.encode() for text in colour]),
                    ("code", "BYTES", "bytes_contents", [text.encode() for text in code]),
                )
            )
        )
        assert list(typed.outputs[0].contents.fp64_contents) == over_http["predictions"]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([tensor("x1", [1.0])], "'x2': missing"),
        ([tensor("x1", [1.0]), tensor("z", [1.0])], "'z': not an input"),
        ([tensor("input-0", [[1.0, 2.0, 3.0]])], "shape"),
        ([tensor("x1", [1.0]), tensor("x2", [1.0, 2.0])], "rows"),
        ([tensor("input-0", [[np.nan, 1.0]])], "the value is missing"),
        ([tensor("input-0", [[np.inf, 1.0]])], "finite"),
        ([tensor("x1", np.array([b"1"], object), "BYTES"), tensor("x2", [1.0])], "datatype"),
        ([], "missing"),
    ],
)
def test_what_the_model_does_not_take_is_refused(
    asked: Asked, inputs: list[InferInput], words: str
) -> None:
    status, text = refusal(asked, *inputs)
    assert status == "StatusCode.INVALID_ARGUMENT"
    assert words in text


def test_a_refusal_with_long_names_is_short_enough_for_a_header(
    shared_redis: RedisServer, tmp_path: Path
) -> None:
    model = line(feature="\U0001f600" * 1500)  # each of them takes twelve bytes in a header
    with serving(model, "long-names", shared_redis, tmp_path) as process:
        process.ready()
        status, text = refusal(process, tensor("x", [1.0]))
    assert status == "StatusCode.INVALID_ARGUMENT"
    assert "not an input of the model" in text


def test_another_model_or_version_is_not_found(asked: Asked) -> None:
    with pytest.raises(InferenceServerException, match="no model 'other'") as other:
        asked.triton.infer("other", [POINTS])
    assert other.value.status() == "StatusCode.NOT_FOUND"
    status, text = refusal(asked, POINTS, model_version="9")
    assert (status, "version 1 does" in text) == ("StatusCode.NOT_FOUND", True)


def test_a_message_over_the_limit_is_refused(asked: Asked) -> None:
    status, _ = asked.send(b"\0" * (MAX_BYTES + 1))
    assert status is grpc.StatusCode.RESOURCE_EXHAUSTED
    many = tensor("input-0", np.zeros((MAX_BYTES // 16 - 10, 2)))
    assert len(asked.infer(many).as_numpy("y")) == MAX_BYTES // 16 - 10


WHOLE = service_pb2.ModelInferRequest(
    model_name="asked",
    inputs=[{"name": "input-0", "datatype": "FP64", "shape": [2, 2]}],
    raw_input_contents=[np.zeros((2, 2)).tobytes()],
).SerializeToString()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    begin=st.integers(0, len(WHOLE)),
    end=st.integers(0, len(WHOLE)),
    instead=st.binary(max_size=12),
)
def test_a_spoilt_message_is_the_clients_fault(
    asked: Asked, begin: int, end: int, instead: bytes
) -> None:
    status, _ = asked.send(WHOLE[:begin] + instead + WHOLE[end:])
    assert status in CLIENTS_FAULT


SHAPES = st.lists(st.sampled_from([-(2**63), -1, 0, 1, 2, 3, 4, 2**31, 2**63 - 1]), max_size=4)
DATATYPES = ["BOOL", "INT8", "UINT64", "FP16", "FP32", "FP64", "BYTES", "BF16", "", "fp64"]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=SHAPES,
    datatype=st.sampled_from(DATATYPES),
    name=st.sampled_from(["input-0", "x1", "", "y" * 1000]),
    raw=st.lists(st.binary(max_size=40), max_size=3),
    numbers=st.lists(st.floats(), max_size=4),
)
def test_a_wrong_tensor_is_the_clients_fault(
    asked: Asked, shape: list[int], datatype: str, name: str, raw: list[bytes], numbers: list[float]
) -> None:
    contents = {"fp64_contents": numbers} if numbers else None
    given = {"name": name, "datatype": datatype, "shape": shape, "contents": contents}
    message = service_pb2.ModelInferRequest(
        model_name="asked", inputs=[given], raw_input_contents=raw
    )
    status, _ = asked.send(message.SerializeToString())
    assert status in CLIENTS_FAULT
    assert asked.triton.is_server_ready()


def stamp(call: Any) -> str:
    """Return the version that stands behind an answer, whatever the answer."""
    return str(dict(call.trailing_metadata())["x-model-version"])


def test_every_call_is_counted_and_names_the_version(asked: Asked) -> None:
    def count(line: str) -> float:
        lines = dict(text.rsplit(" ", 1) for text in asked.client.get("/metrics").text.splitlines())
        return float(lines.get(line, 0))

    refused, predicted = (
        f'perennial_requests_total{{route="{INFER}",status="400"}}',
        "perennial_predictions_total",
    )
    before = count(refused), count(predicted)
    _, call = asked.method.with_call(WHOLE, timeout=20)
    assert stamp(call) == "1"
    with pytest.raises(grpc.RpcError) as raised:
        asked.method(b"?", timeout=20)
    assert stamp(raised.value) == "1"
    assert (count(refused), count(predicted)) == (before[0] + 1, before[1] + 2)


def test_the_services_are_told_by_reflection(asked: Asked) -> None:
    database = ProtoReflectionDescriptorDatabase(asked.channel)
    services = {SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    assert set(database.get_services()) == services
    pool = DescriptorPool(database)
    for service in services:
        assert pool.FindServiceByName(service).methods
    method = pool.FindServiceByName(SERVICE).FindMethodByName("ModelInfer")
    request = GetMessageClass(method.input_type).FromString(WHOLE)
    _, answer = asked.send(request.SerializeToString())
    response: Any = GetMessageClass(method.output_type).FromString(answer)
    assert response.model_version == "1"


def test_health_is_told(asked: Asked) -> None:
    for service in ("", SERVICE):
        status = asked.health.Check(HealthCheckRequest(service=service)).status
        assert status == HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as raised:
        asked.health.Check(HealthCheckRequest(service="other"))
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
REFLECT = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

NO_MESSAGES = {
    "truncated": b"\x0a\x7fabc",
    "of a huge length": b"\x0a\xff\xff\xff\xff\x07",
    "with a length over 64 bits": b"\x0a" + b"\xff" * 10 + b"\x01",
    "of a wire type that is none": b"\x0f\x01",
    "with field 0": b"\x00\x01",
    "with a group that does not end": b"\x0b" * 200,
    "with a text that is not UTF-8": b"\x0a\x01\xff",
}


def ending(call: Callable[[], object]) -> tuple[grpc.StatusCode, str | None]:
    """Return how a call ends that is refused."""
    with pytest.raises(grpc.RpcError) as raised:
        call()
    return raised.value.code(), raised.value.details()


@pytest.mark.parametrize("message", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_what_is_no_message_is_refused_by_every_service(asked: Asked, message: bytes) -> None:
    check: Any = asked.channel.unary_unary(CHECK)
    watch: Any = asked.channel.unary_stream(WATCH)
    reflect: Any = asked.channel.stream_stream(REFLECT)
    for kind, call in (
        ("inference.ModelInferRequest", lambda: asked.method(message, timeout=20)),
        ("grpc.health.v1.HealthCheckRequest", lambda: check(message, timeout=20)),
        ("grpc.health.v1.HealthCheckRequest", lambda: list(watch(message, timeout=20))),
        (
            "grpc.reflection.v1alpha.ServerReflectionRequest",
            lambda: list(reflect(iter([b"\x3a\x00", message]), timeout=20)),
        ),
    ):
        assert ending(call) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            f"The message is no {kind}.",
        )
    assert asked.health.Check(HealthCheckRequest()).status == HealthCheckResponse.SERVING


@pytest.mark.parametrize(
    "path", ["/no.such.Service/Method", f"/{SERVICE}/Other", "/grpc.health.v1.Health/Other", "/"]
)
def test_a_method_that_is_none_is_not_implemented(asked: Asked, path: str) -> None:
    method: Any = asked.channel.unary_unary(path)
    code, _ = ending(lambda: method(WHOLE, timeout=20))
    assert code is grpc.StatusCode.UNIMPLEMENTED


def test_metadata_changes_nothing_unless_there_is_too_much(asked: Asked) -> None:
    odd = (("a-bin", b"\xff\x00"), ("a", ""), ("a", "twice"), ("x-model-version", "9"))
    assert asked.method(WHOLE, timeout=20, metadata=odd)
    code, _ = ending(lambda: asked.method(WHOLE, timeout=20, metadata=(("a", "b" * 100_000),)))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert asked.method(WHOLE, timeout=20)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=st.binary(max_size=40))
def test_any_bytes_to_health_and_reflection_are_the_clients_fault(
    asked: Asked, message: bytes
) -> None:
    check: Any = asked.channel.unary_unary(CHECK)
    reflect: Any = asked.channel.stream_stream(REFLECT)
    for call in (
        lambda: check(message, timeout=20),
        lambda: list(reflect(iter([message]), timeout=20)),
    ):
        try:
            call()
        except grpc.RpcError as error:
            assert error.code() in CLIENTS_FAULT  # noqa: PT017 most calls end well


def test_nothing_is_ready_before_there_is_a_model(
    registry_settings: RegistrySettings, tmp_path: Path
) -> None:
    model = {"model": "nothing/asked", "grpc_port": free_port()}
    with Asked(tmp_path, registry_settings, **model) as process:
        process.answers()
        assert process.triton.is_server_live()
        assert not process.triton.is_server_ready()
        assert not process.triton.is_model_ready("asked")
        status, text = refusal(process, POINTS)
        assert (status, text[:15]) == ("StatusCode.UNAVAILABLE", "nothing/asked: ")
        health = process.health.Check(HealthCheckRequest())
        assert health.status == HealthCheckResponse.NOT_SERVING


def test_a_drain_is_told_to_all_who_watch_and_calls_are_answered_meanwhile(
    shared_redis: RedisServer, tmp_path: Path
) -> None:
    limits = {"drain_min_seconds": 1.5, "drain_seconds": 150}
    with serving(plane(), "drained", shared_redis, tmp_path, **limits) as process:
        process.ready()
        watched = [process.health.Watch(HealthCheckRequest()) for _ in range(2)]
        assert [next(watch).status for watch in watched] == [HealthCheckResponse.SERVING] * 2
        process.terminate()
        assert [next(watch).status for watch in watched] == [HealthCheckResponse.NOT_SERVING] * 2
        assert not process.triton.is_server_ready()
        assert process.infer(POINTS).as_numpy("y") == pytest.approx([-5, -9])
        process.client.close()
        assert process.exit_code() == 0
        assert [list(watch) for watch in watched] == [[], []]


def test_a_second_signal_ends_at_once(shared_redis: RedisServer, tmp_path: Path) -> None:
    with serving(plane(), "twice", shared_redis, tmp_path, drain_min_seconds=300) as process:
        process.ready().terminate()
        process.waits_for(ready=False)
        process.terminate()
        assert process.exit_code() == -signal.SIGTERM


@pytest.mark.parametrize("shared", [False, True])
def test_a_port_that_is_taken_is_named(shared: bool) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=shared) as taken:
        port = taken.getsockname()[1]
        ended = run_with(
            PERENNIAL_MODEL="a/b",
            PERENNIAL_HOST="127.0.0.1",
            PERENNIAL_PORT=str(free_port()),
            PERENNIAL_GRPC_PORT=str(port),
        )
    assert ended.returncode == 1
    assert f"127.0.0.1:{port}" in ended.stdout + ended.stderr
    assert "PERENNIAL_GRPC_PORT" in ended.stdout + ended.stderr


def test_who_asks_for_no_grpc_pays_nothing_for_it() -> None:
    what = "import sys, perennial_predictor.main; sys.exit('grpc' in sys.modules)"
    subprocess.run([sys.executable, "-c", what], check=True)
