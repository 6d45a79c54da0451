"""Makes a converted graph quicker, in a way that ONNX Runtime knows for float32 only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

_MATRIX = 2


def fuse_linear(model: Any) -> None:
    """Put a Gemm in the place of each MatMul whose product goes to the Add of a bias only.

    With float64 ONNX Runtime keeps both, and to add the one bias of a linear regression to 10,000
    products takes twice as long as to compute them.

    Args:
        model: An ``onnx.ModelProto``, which is changed.
    """
    nodes = model.graph.node
    for multiply, add, bias in list(_linear(model)):
        add.op_type = "Gemm"
        add.input[:] = [*multiply.input, bias]
        nodes.remove(multiply)


def _linear(model: Any) -> Iterator[tuple[Any, Any, str]]:
    """Yield each MatMul that can be fused, with its Add and the name of the bias."""
    graph = model.graph
    uses = Counter(name for node in graph.node for name in node.input)
    uses.update(output.name for output in graph.output)
    products = {
        node.output[0]: node
        for node in graph.node
        if node.op_type == "MatMul" and uses[node.output[0]] == 1
    }
    matrices = _matrices(model)
    shapes = {constant.name: tuple(constant.dims) for constant in graph.initializer}
    for add in graph.node:
        for product, bias in _summands(add):
            if product in products and bias in shapes:
                rows, weights = products[product].input
                width = shapes.get(weights, ())[1:]
                if rows in matrices and len(width) == 1 and shapes[bias] in (width, (1, *width)):
                    yield products[product], add, bias


def _summands(node: Any) -> list[tuple[str, str]]:
    """Return the two summands of an Add in either order; of no other node any."""
    if node.op_type != "Add":
        return []
    one, other = node.input
    return [(one, other), (other, one)]


def _matrices(model: Any) -> set[str]:
    """Return the names of what is known to have two dimensions."""
    from onnx.shape_inference import infer_shapes

    graph = infer_shapes(model).graph
    types = {each.name: each.type.tensor_type for each in (*graph.input, *graph.value_info)}
    return {
        name
        for name, tensor in types.items()
        if tensor.HasField("shape") and len(tensor.shape.dim) == _MATRIX
    }
