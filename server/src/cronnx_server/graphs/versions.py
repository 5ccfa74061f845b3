"""Brings an exported graph to versions of ONNX that every supported release of Triton reads."""

from __future__ import annotations

from onnx import ModelProto, TensorProto, helper, version_converter

from cronnx_server.errors import ModelFileError
from cronnx_server.graphs.onnx_graph import IR_VERSION, OPSETS, opset_of

NEWEST_OPSET = 21
"""The newest that ONNX Runtime 1.19 of Triton 24.10 reads."""
IR_VERSION_OF_TYPES = {
    "FLOAT8E4M3FN": 9,
    "FLOAT8E4M3FNUZ": 9,
    "FLOAT8E5M2": 9,
    "FLOAT8E5M2FNUZ": 9,
    "UINT4": 10,
    "INT4": 10,
    "FLOAT4E2M1": 11,
}


def fit_versions(model: ModelProto) -> tuple[ModelProto, list[str]]:
    """Bring a graph to versions that Triton reads; the graph and what was changed, one sentence each.

    A graph of an opset between those that this project writes and the newest that every Triton reads keeps it.

    Raises:
        ModelFileError: The graph is of an older opset, and has an operator without a form in this project's.
    """
    opset, oldest = opset_of(model), OPSETS[0].version
    notes = []
    if opset < oldest:
        model = _converted(model, oldest)
        notes.append(f"The opset is raised from {opset} to {oldest}.")
    elif opset > NEWEST_OPSET:
        try:
            model = _converted(model, NEWEST_OPSET)
            notes.append(f"The opset is lowered from {opset} to {NEWEST_OPSET}.")
        except ModelFileError:
            notes.append(f"The opset stays {opset}, which releases of Triton before 26.07 may not read.")
    ir_version = _needed_ir_version(model)
    if model.ir_version > ir_version:
        notes.append(f"The IR version is lowered from {model.ir_version} to {ir_version}.")
    model.ir_version = ir_version
    return model, notes


def _converted(model: ModelProto, opset: int) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    copy.ir_version = max(copy.ir_version, IR_VERSION)
    try:
        return version_converter.convert_version(copy, opset)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ModelFileError(
            f"cannot convert the graph from opset {opset_of(model)} to {opset}: {reason}; "
            f"export it with opset {OPSETS[0].version}"
        ) from error


def _needed_ir_version(model: ModelProto) -> int:
    versions = [IR_VERSION, helper.find_min_ir_version_for(list(model.opset_import), ignore_unknown=True)]
    for tensor in model.graph.initializer:
        versions.append(IR_VERSION_OF_TYPES.get(TensorProto.DataType.Name(tensor.data_type), IR_VERSION))
    return max(versions)
