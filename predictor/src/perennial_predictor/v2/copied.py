"""The copy for a shadow of a request that was not, or not only, asked and answered in JSON."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from perennial_core.manifest import Manifest
from perennial_predictor.mirror import Copy
from perennial_predictor.problems import Problem
from perennial_predictor.v2.body import BINARY_SIZE, Asked, written
from perennial_predictor.v2.elements import to_bytes
from perennial_predictor.v2.messages import InferRequest, ModelMetadata, RequestInput
from perennial_predictor.v2.paths import model_path
from perennial_predictor.v2.tensor import BYTES, Tensor


def copy_of(
    metadata: ModelMetadata,
    manifest: Manifest,
    tensors: Sequence[Tensor],
    outputs: Sequence[Tensor],
) -> Copy | None:
    """Return a copy that has the same elements and is answered in JSON.

    Args:
        metadata: Of the version that answered.
        manifest: Of the same.
        tensors: Of the request.
        outputs: What the client got.

    Returns:
        None where nothing could be compared: the client got no predictions, or such as JSON cannot
        carry.
    """
    predictions = [output for output in outputs if output.name == metadata.outputs[0].name]
    if not predictions:
        return None
    try:
        answer = written(metadata.name, manifest.version, Asked(tensors), predictions)
    except Problem:
        return None
    target = f"{model_path(metadata.name)}/infer"
    head, rest = _request(tensors)
    return Copy("POST", target, head + rest, answer.content, manifest.task, len(head))


def _request(tensors: Sequence[Tensor]) -> tuple[bytes, bytes]:
    """Return the JSON of a request, and what follows it: numbers stand there as they are held.

    Texts stand in the JSON, for there one may be missing.
    """
    inputs, parts = [], []
    for tensor in tensors:
        given = RequestInput(tensor.name, tensor.shape, tensor.datatype)
        if tensor.datatype == BYTES:
            given.data = tensor.values.tolist()
        else:
            parts.append(to_bytes(tensor.datatype, tensor.values))
            given.parameters = {BINARY_SIZE: len(parts[-1])}
        inputs.append(given)
    return msgspec.json.encode(InferRequest(inputs)), b"".join(parts)
