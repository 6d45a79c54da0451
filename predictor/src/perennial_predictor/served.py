"""A version that serves: its model, and how its requests are read and answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import msgspec

from perennial_core.artifact import (
    ArtifactUnusable,
    InstanceRefused,
    LoadedModel,
    Predictions,
    load_model,
)
from perennial_core.manifest import Column, ColumnType, Manifest, Task
from perennial_core.settings import PredictorSettings
from perennial_predictor import problems
from perennial_predictor.cost import Cost, measure
from perennial_predictor.cpus import a_thread_for_each_cpu
from perennial_predictor.inference import Inference
from perennial_predictor.instances import InstanceReader, Row, Rows
from perennial_predictor.prediction import (
    PredictionAnswer,
    answer_to_many,
    answer_to_one,
    predict,
)
from perennial_predictor.tally import Tally, new_tally
from perennial_predictor.v2.body import Asked, Body, read, written
from perennial_predictor.v2.inputs import TensorReader
from perennial_predictor.v2.messages import ModelMetadata
from perennial_predictor.v2.metadata import model_metadata
from perennial_predictor.v2.outputs import output_tensors
from perennial_predictor.v2.tensor import Tensor

SERVED = "perennial.served"
"""In a request's ASGI scope: the version that answers it; None while there is none."""

_NEUTRAL = {ColumnType.BOOL: False, ColumnType.STRING: ""}

_INLINE_BYTES = 32 * 1024
"""Longer bodies are read in a thread: that takes longer than most predictions."""
_INLINE_BINARY_BYTES = 1024 * 1024
"""So are longer bodies of which most is tensors as bytes, which need no parsing."""

_UNKNOWN = Cost(call=0.001, row=0.0)
"""That of a model which could not be measured: asked in a thread, for as many as there are."""


@dataclass(frozen=True)
class StoredVersion:
    """A version as the registry and the cache hold it; the digest is verified."""

    manifest: Manifest
    artifact: bytes


@dataclass(frozen=True)
class ServedVersion:
    """A version that is loaded and has answered a warm-up prediction."""

    manifest: Manifest
    model: LoadedModel
    reader: InstanceReader
    tensors: TensorReader
    metadata: ModelMetadata
    load_seconds: float
    """How long it took to load it and warm it up."""
    inference: Inference
    """Asks the model."""
    tally: Tally
    """What it has answered."""

    @cached_property
    def stamp(self) -> tuple[bytes, bytes]:
        """The header that names the version."""
        return b"x-model-version", b"%d" % self.manifest.version

    async def answer_body(self, body: bytes) -> bytes:
        """Return the answer to the body of a POST, both JSON.

        Raises:
            Problem: The body is not what the model takes, or the model refuses it.
        """
        if len(body) > _INLINE_BYTES:
            return await self.inference.in_thread(self._answer_long_body, body)
        return self._encoded(await self.inference.predict(self.reader.rows(body)))

    async def answer_query(self, query: bytes) -> PredictionAnswer:
        """Return the answer to the query of a GET.

        Raises:
            Problem: As ``answer_body``.
        """
        predictions = await self.inference.predict([self.reader.row(query)])
        answer = answer_to_one(self.manifest, predictions)
        self.tally.count(predictions.values)
        return answer

    async def infer(self, tensors: Sequence[Tensor], outputs: Sequence[str] = ()) -> list[Tensor]:
        """Return the output tensors of the Open Inference Protocol.

        Args:
            tensors: Of the request.
            outputs: Those that it names; none: all.

        Raises:
            Problem: As ``answer_body``.
        """
        predictions = await self.inference.predict(self.tensors.rows(tensors))
        answer = output_tensors(self.metadata.outputs[0], predictions, outputs)
        self.tally.count(predictions.values)
        return answer

    async def infer_body(self, body: bytes, json_size: int | None) -> Body:
        """Return the answer to a request of the Open Inference Protocol over HTTP.

        Args:
            body: Of the request.
            json_size: How many bytes of it are JSON; None: all.

        Raises:
            Problem: As ``answer_body``.
        """
        if (json_size or len(body)) > _INLINE_BYTES or len(body) > _INLINE_BINARY_BYTES:
            return await self.inference.in_thread(partial(self._infer_long, json_size), body)
        asked = read(body, json_size)
        predictions = await self.inference.predict(self.tensors.rows(asked.tensors))
        return self._written(asked, predictions)

    def _answer_long_body(self, body: bytes) -> bytes:
        return self._encoded(ask(self.model, self.reader.rows(body)))

    def _infer_long(self, json_size: int | None, body: bytes) -> Body:
        asked = read(body, json_size)
        return self._written(asked, ask(self.model, self.tensors.rows(asked.tensors)))

    def _written(self, asked: Asked, predictions: Predictions) -> Body:
        outputs = output_tensors(self.metadata.outputs[0], predictions, asked.outputs)
        answer = written(self.metadata.name, self.manifest.version, asked, outputs)
        self.tally.count(predictions.values)
        return answer

    def _encoded(self, predictions: Predictions) -> bytes:
        answer = msgspec.json.encode(answer_to_many(self.manifest, predictions))
        self.tally.count(predictions.values)
        return answer


def load(
    stored: StoredVersion,
    settings: PredictorSettings,
    threads_for: Callable[[Cost], int] = a_thread_for_each_cpu,
) -> ServedVersion:
    """Load a version and let it answer a warm-up prediction.

    Args:
        stored: The version.
        settings: How it is loaded, and the bounds of requests.
        threads_for: Says how many threads may predict at once with a model of this cost.

    Raises:
        ArtifactUnusable: It cannot be loaded, or cannot predict.
    """
    started = time.perf_counter()
    manifest = stored.manifest
    try:
        model = load_model(
            manifest,
            stored.artifact,
            trusted_types=settings.trusted_types,
            threads=settings.threads,
        )
        reader = _reader(tuple(manifest.inputs), settings.max_instances)
        tensors = TensorReader(manifest.inputs, settings.max_instances)
        cost = _cost(model, manifest)
        metadata = model_metadata(manifest, has_probabilities=_has_probabilities(model, manifest))
        inference = Inference(partial(ask, model), cost, threads_for(cost))
    except Exception as error:
        raise ArtifactUnusable(f"version {manifest.version} cannot be served: {error}") from error
    load_seconds = time.perf_counter() - started
    return ServedVersion(
        manifest, model, reader, tensors, metadata, load_seconds, inference, new_tally(manifest)
    )


@lru_cache(1)
def _reader(inputs: tuple[Column, ...], max_instances: int) -> InstanceReader:
    """Return the last one again for the same inputs, as most versions of a model have.

    To make one keeps the interpreter from the requests.
    """
    return InstanceReader(inputs, max_instances)


def _cost(model: LoadedModel, manifest: Manifest) -> Cost:
    """Let the model predict for its example, and return what that costs.

    Without an example in the manifest the row is made up; a model that refuses made-up values, such
    as a category that it does not know, has answered too.
    """
    if manifest.example is not None:
        return measure(partial(predict, model), _example(manifest))
    with suppress(InstanceRefused):
        return measure(partial(predict, model), _example(manifest))
    return _UNKNOWN


def _has_probabilities(model: LoadedModel, manifest: Manifest) -> bool:
    """Return whether the model says how probable each class is, as it shows for its example."""
    if manifest.task is Task.CLASSIFICATION:
        with suppress(InstanceRefused):
            return predict(model, [_example(manifest)]).probabilities is not None
    return False


def ask(model: LoadedModel, rows: Rows) -> Predictions:
    """Return the predictions for the rows of a request.

    Raises:
        Problem: The model refuses them.
    """
    try:
        return predict(model, rows)
    except InstanceRefused as error:
        raise problems.invalid(
            "The model refuses the values; is there a category that it was not trained on, or a"
            f" number too large for it? {error}"
        ) from None


def _example(manifest: Manifest) -> Row:
    if manifest.example is not None:
        return tuple(manifest.example)
    return tuple(_NEUTRAL.get(column.type, 0) for column in manifest.inputs)
