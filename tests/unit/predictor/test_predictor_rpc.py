"""What stands in messages of gRPC, and how a server of it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from held_model import HeldModel
from served_models import KEY, line

from perennial_cli.local.redis_server import free_port
from perennial_core.bundle import Bundle, write_bundle
from perennial_core.settings import PredictorSettings
from perennial_predictor.bundle_source import BundleSource
from perennial_predictor.drain import Drain
from perennial_predictor.follow import Follower
from perennial_predictor.metrics import Metrics
from perennial_predictor.problems import Problem
from perennial_predictor.rpc.contents import add_outputs, input_tensors
from perennial_predictor.rpc.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from perennial_predictor.rpc.server import RpcServer
from perennial_predictor.v2.tensor import DTYPES, Tensor

INFER = "/inference.GRPCInferenceService/ModelInfer"
ONE = ModelInferRequest(
    model_name=KEY.name,
    inputs=[
        ModelInferRequest.InferInputTensor(
            name="x", datatype="FP64", shape=[1], contents={"fp64_contents": [1.0]}
        )
    ],
).SerializeToString()


def request(datatype: str, shape: list[int], *raw: bytes, **contents: Any) -> ModelInferRequest:
    given = {"name": "x", "datatype": datatype, "shape": shape, "contents": contents or None}
    return ModelInferRequest(inputs=[given], raw_input_contents=raw)


@pytest.mark.parametrize(
    ("datatype", "field", "elements"),
    [
        ("BOOL", "bool_contents", [True, False]),
        *((f"INT{bits}", "int_contents", [-(2 ** (bits - 1)), 1]) for bits in (8, 16, 32)),
        ("INT64", "int64_contents", [-(2**63), 1]),
        *((f"UINT{bits}", "uint_contents", [0, 2**bits - 1]) for bits in (8, 16, 32)),
        ("UINT64", "uint64_contents", [0, 2**64 - 1]),
        ("FP32", "fp32_contents", [0.5, -1.0]),
        ("FP64", "fp64_contents", [0.1, -1e300]),
        ("BYTES", "bytes_contents", [b"a", "é".encode()]),
    ],
)
def test_elements_stand_in_the_field_of_their_datatype(
    datatype: str, field: str, elements: list[Any]
) -> None:
    (tensor,) = input_tensors(request(datatype, [2], **{field: elements}))
    held = [e.decode() for e in elements] if datatype == "BYTES" else elements
    assert (tensor.values.dtype, tensor.values.tolist()) == (DTYPES[datatype], held)

    response = ModelInferResponse()
    add_outputs(response, [tensor], raw=False)
    assert list(getattr(response.outputs[0].contents, field)) == elements

    raw = ModelInferResponse()
    add_outputs(raw, [tensor], raw=True)
    (again,) = input_tensors(request(datatype, [2], *raw.raw_output_contents))
    assert again.values.tolist() == held


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (request("FP64", [1], fp32_contents=[1.0]), "'x': elements in fp32_contents"),
        (request("FP64", [2], fp64_contents=[1.0]), "[2] has 2 elements, the data 1"),
        (request("FP64", [-1], fp64_contents=[1.0]), "no extent can be negative"),
        (request("FP64", [1]), "[1] has 1 elements, the data 0"),
        (request("INT8", [1], int_contents=[128]), "'x': 128 is no INT8"),
        (request("UINT8", [1], uint_contents=[256]), "'x': 256 is no UINT8"),
        (request("FP16", [1], fp32_contents=[1.0]), "FP16 has no field in contents"),
        (request("BF16", [1], fp32_contents=[1.0]), "no datatype 'BF16'"),
        (request("BYTES", [1], bytes_contents=[b"\xff"]), "element 0: not UTF-8"),
        (request("BYTES", [1], b"\x05\0\0\0ab"), "element 0: the bytes end within it"),
        (request("FP64", [1], b"1234567"), "7 bytes are not whole elements of FP64"),
        (request("FP64", [1], b"12345678", b""), "2 for 1 inputs"),
        (request("FP64", [1], b"12345678", fp64_contents=[1.0]), "contents beside raw_input"),
    ],
)
def test_elements_that_do_not_agree_are_refused(wrong: ModelInferRequest, words: str) -> None:
    with pytest.raises(Problem) as raised:
        input_tensors(wrong)
    assert words in raised.value.detail


def test_half_precision_comes_raw() -> None:
    (tensor,) = input_tensors(request("FP16", [1], np.float16(1.5).tobytes()))
    assert tensor.values.tolist() == [1.5]


def test_a_tensor_of_any_rank_keeps_its_shape() -> None:
    response = ModelInferResponse()
    add_outputs(response, [Tensor("p", "FP64", (2, 3), np.arange(6.0))], raw=False)
    assert list(response.outputs[0].shape) == [2, 3]


Method = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]


@pytest.fixture
def model() -> HeldModel:
    return HeldModel()


@pytest.fixture
async def server(model: HeldModel, tmp_path: Path) -> AsyncIterator[RpcServer]:
    stored = line(2.0).stored()
    write_bundle(tmp_path / "bundle", Bundle(stored.manifest, stored.artifact))
    settings = PredictorSettings(bundle=tmp_path / "bundle", host="127.0.0.1")
    metrics = Metrics()
    follower = Follower(settings, BundleSource(tmp_path / "bundle", settings), metrics)
    follower.current = model.served
    server = RpcServer(free_port(), settings, KEY, follower, metrics, Drain(0, 0))
    await server.start()
    yield server
    await server.stop(0)


async def test_a_call_in_flight_finishes_when_the_server_ends(
    model: HeldModel, server: RpcServer
) -> None:
    async with grpc.aio.insecure_channel(server.address) as channel:
        infer: Method = channel.unary_unary(INFER)
        call = infer(ONE, timeout=20)
        assert await asyncio.to_thread(model.is_asked.wait, 10)
        stopping = asyncio.create_task(server.stop(20))
        # until the client was told of the end
        await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await infer(ONE, timeout=5)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert not stopping.done()
        model.may_answer.set()
        answer = ModelInferResponse.FromString(await call)
        assert list(answer.outputs[0].contents.fp64_contents) == [pytest.approx(5)]
        await stopping


async def test_a_call_that_outlasts_the_end_is_given_up(
    model: HeldModel, server: RpcServer
) -> None:
    async with grpc.aio.insecure_channel(server.address) as channel:
        infer: Method = channel.unary_unary(INFER)
        call = infer(ONE, timeout=20)
        assert await asyncio.to_thread(model.is_asked.wait, 10)
        await server.stop(0.1)
        model.may_answer.set()
        with pytest.raises(grpc.aio.AioRpcError):
            await call


async def test_other_calls_are_answered_while_a_model_predicts(
    model: HeldModel, server: RpcServer
) -> None:
    async with grpc.aio.insecure_channel(server.address) as channel:
        infer: Method = channel.unary_unary(INFER)
        call = infer(ONE, timeout=20)
        assert await asyncio.to_thread(model.is_asked.wait, 10)
        is_live: Method = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
        assert await is_live(b"") == b"\x08\x01"
        assert not call.done()
        model.may_answer.set()
        await call
