"""A published ONNX classifier in the form `classification.classifier` takes, whatever opset it was written in."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import ModelProto, ValueInfoProto, version_converter

from cronnx_server.build_models.onnx_format import IR_VERSION, OPSETS


def network(published: ModelProto) -> ModelProto:
    """`published` with initializers that are constants and a batch of any size, at this project's opset or a newer one.

    A newer opset stays, and its IR version: not every operator has an older form.

    Args:
        published: one input [N, …] and one output [N, …]; N may be fixed. Up to IR version 3 a file lists its
            initializers among its inputs (ONNX specification, IR.md); those are not counted.

    Raises:
        ValueError: it has more inputs or outputs, or operators that have no form in this project's opset.
    """
    model = ModelProto()
    model.CopyFrom(published)
    initializers = {initializer.name for initializer in model.graph.initializer}
    inputs = [tensor for tensor in model.graph.input if tensor.name not in initializers]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    for tensor in (_only(model.graph.input, "input"), _only(model.graph.output, "output")):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    del model.graph.value_info[:]  # shapes inferred for the batch it was written with
    model.ir_version = max(model.ir_version, IR_VERSION)
    return model if _opset(model) > OPSETS[0].version else _converted(model)


def _only(tensors: Sequence[ValueInfoProto], what: str) -> ValueInfoProto:
    if len(tensors) != 1 or not tensors[0].type.tensor_type.shape.dim:
        names = ", ".join(tensor.name for tensor in tensors)
        raise ValueError(f"it has {len(tensors)} {what}s ({names}), expected one, whose first dimension is the batch")
    return tensors[0]


def _opset(model: ModelProto) -> int:
    return max((opset.version for opset in model.opset_import if not opset.domain), default=1)


def _converted(model: ModelProto) -> ModelProto:
    opset = OPSETS[0].version
    model.ir_version = IR_VERSION
    try:
        return version_converter.convert_version(model, opset)
    except RuntimeError as error:
        raise ValueError(f"it cannot be converted to opset {opset}: {error}") from error
