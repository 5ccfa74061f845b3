"""Makes a network fit to serve out of any exported ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper

from cronnx_server.errors import ModelFileError
from cronnx_server.graphs import batching
from cronnx_server.graphs.extra_inputs import Fill, fill_inputs
from cronnx_server.graphs.onnx_graph import set_dims
from cronnx_server.graphs.structure import extract, operators, producers, rename, self_contained
from cronnx_server.graphs.trial import Trial
from cronnx_server.graphs.versions import fit_versions

DOMAINS = {"", "ai.onnx.ml", "com.microsoft"}
"""The operators that ONNX Runtime has without further libraries."""
IMAGE_TYPES = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8}
CHANNELS = (1, 3)
TRIAL_SIDE = 224
"""The side of a trial image where it follows the photograph: a multiple of every usual stride and patch."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network fit to serve.

    Attributes:
        model: A graph from one image input [batch, ...] to the chosen outputs [batch, ...], all under their own names.
            FP16 and FP64 outputs are FP32 here; an FP16 or UINT8 image input stays as it is, one of another type is
            FP32. The first dimension is `batch` if it is batchable, else 1; an output without a batch has a leading 1.
        batchable: Whether several images can be answered together.
        reason: Why only one image can be answered at a time, for the user; empty if batchable.
        notes: What was changed, one sentence each, for the user.
    """

    model: ModelProto
    batchable: bool
    reason: str = ""
    notes: tuple[str, ...] = ()


def prepare(
    model: ModelProto,
    *,
    image_input: str,
    image_shape: Sequence[int | None],
    outputs: Sequence[str],
    fills: Mapping[str, Fill] | None = None,
    samples: npt.NDArray[np.generic] | None = None,
) -> Network:
    """Make a network fit to serve: sorted, of a version that Triton reads, one input, the chosen outputs, any batch.

    Args:
        model: The whole graph with all weights, as an exporter wrote it; it is left as it is. A graph with TensorRT's
            suppression needs `suppression.replace_plugin` first.
        image_input: The name of the image input.
        image_shape: The shape of one image in the layout of the network, such as (3, 640, 640) or (224, 224, 3); None
            where a side follows the image.
        outputs: The names of the outputs to keep, in this order.
        fills: What the other inputs get; those not named are guessed from their names.
        samples: Images [n, ...] as the network takes them, two or more, which prove that a batch is answered like each
            alone; without them noise is used, to which a detector may have no answer.

    Raises:
        ModelFileError: The graph cannot be served; the message says why and what to do.
    """
    network = self_contained(model)
    _check_names(network, image_input, outputs)
    notes = _expose_scores(network, outputs)
    dropped = [tensor.name for tensor in network.graph.output if tensor.name not in outputs]
    extract(network, outputs)
    _check_domains(network)
    _check_output_types(network)
    network, version_notes = fit_versions(network)
    layout = "NCHW" if image_shape[0] in CHANNELS else "NHWC"
    filled = fill_inputs(network, image_input=image_input, layout=layout, fills=fills or {})
    notes += [f"The output '{name}' is left out." for name in dropped] + version_notes + filled
    if not network.graph.input:
        raise ModelFileError(f"expected outputs that depend on '{image_input}', got {', '.join(outputs)}, which do not")
    notes += _cast_boundary(network)
    batch = batching.input_batch(network.graph.input[0])
    _set_shape(network, image_shape, batch)
    prepared = _with_any_batch(network, image_shape=image_shape, batch=batch, samples=samples)
    return replace(prepared, notes=(*notes, *prepared.notes))


def _check_names(model: ModelProto, image_input: str, outputs: Sequence[str]) -> None:
    for kind, names, tensors in (
        ("input", [image_input], model.graph.input),
        ("output", outputs, model.graph.output),
    ):
        known = [tensor.name for tensor in tensors]
        for name in names:
            if name not in known:
                raise ModelFileError(f"expected an {kind} of the graph ({', '.join(known)}), got '{name}'")


def _expose_scores(model: ModelProto, outputs: Sequence[str]) -> list[str]:
    """Replace outputs that are lists of {class: score} by the scores that they are made of."""
    notes = []
    made_by = producers(model.graph)
    for tensor in model.graph.output:
        node = made_by.get(tensor.name)
        if tensor.name not in outputs or node is None or node.op_type != "ZipMap":
            continue
        scores = node.input[0]
        model.graph.node.remove(node)
        model.graph.node.append(helper.make_node("Identity", [scores], [tensor.name], name=f"{tensor.name}/scores"))
        tensor.CopyFrom(ValueInfoProto(name=tensor.name))
        notes.append(f"The output '{tensor.name}' is a tensor of scores, not a list of classes with scores.")
    return notes


def _check_domains(model: ModelProto) -> None:
    foreign = sorted(f"{domain}::{name}" for domain, name in operators(model) if domain not in DOMAINS)
    if foreign:
        raise ModelFileError(
            f"expected operators of ONNX, got others ({', '.join(foreign)}), which need a library of their own; "
            "export the model without them, or choose outputs before them with --output"
        )


def _check_output_types(model: ModelProto) -> None:
    for tensor in model.graph.output:
        kind = tensor.type.WhichOneof("value")
        if kind in ("sequence_type", "map_type", "optional_type", "sparse_tensor_type"):
            raise ModelFileError(
                f"expected a tensor as output '{tensor.name}', got a {kind.removesuffix('_type')}; "
                "choose another with --output, or export the model without it"
            )


def _cast_boundary(model: ModelProto) -> list[str]:
    """Give the image input and the outputs data types that preprocessing and heads have; the values stay."""
    graph, notes = model.graph, []
    image = graph.input[0]
    if image.type.tensor_type.elem_type not in IMAGE_TYPES:
        kind = image.type.tensor_type.elem_type
        inner = f"{image.name}/cast"
        rename(graph, image.name, inner)
        graph.node.insert(0, helper.make_node("Cast", [image.name], [inner], name=inner, to=kind))
        image.type.tensor_type.elem_type = TensorProto.FLOAT
        notes.append(f"The input '{image.name}' is FP32 instead of {TensorProto.DataType.Name(kind)}.")
    for tensor in graph.output:
        kind = tensor.type.tensor_type.elem_type
        if kind in (TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16):
            inner = f"{tensor.name}/cast"
            rename(graph, tensor.name, inner)
            cast = helper.make_node("Cast", [inner], [tensor.name], name=inner, to=TensorProto.FLOAT)
            graph.node.append(cast)
            tensor.type.tensor_type.elem_type = TensorProto.FLOAT
            notes.append(f"The output '{tensor.name}' is FP32 instead of {TensorProto.DataType.Name(kind)}.")
    return notes


def _set_shape(model: ModelProto, image_shape: Sequence[int | None], batch: int | None) -> None:
    image = model.graph.input[0]
    declared = [dim.dim_value for dim in image.type.tensor_type.shape.dim][1:]
    if declared and (
        len(declared) != len(image_shape)
        or any(old and old != new for old, new in zip(declared, image_shape, strict=True))
    ):
        raise ModelFileError(
            f"expected images of the graph's shape {declared} for input '{image.name}', got {list(image_shape)}"
        )
    set_dims(image, [batch or "batch", *_named(image_shape)])


def _with_any_batch(
    model: ModelProto, *, image_shape: Sequence[int | None], batch: int | None, samples: npt.NDArray[np.generic] | None
) -> Network:
    """Free the batch of a graph if that can be proven; else serve one image at a time."""
    image = model.graph.input[0]
    exported = batch or 1
    sides = tuple(dim or TRIAL_SIDE for dim in image_shape)
    trial = Trial(model, images=_samples(image, exported, sides, samples), exported=exported)
    freed = batching.free_batch(model, image=image.name, shape=image_shape, trial=sides, batch=exported)
    failure = ""
    for candidate in [freed.model] if batch or not freed.changes else [model, freed.model]:
        declared = _declare(candidate, image_shape, ["batch"] * len(model.graph.output), trial, freed)
        failure = trial.difference(declared)
        if not failure:
            return Network(model=declared, batchable=True, notes=tuple(_batch_notes(batch, freed, candidate)))
    reason = (freed.problems or [failure])[0]
    return Network(
        model=_single(model, image_shape, exported, trial, freed),
        batchable=False,
        reason=f"The graph answers one image at a time, because {reason}.",
    )


def _single(
    model: ModelProto, image_shape: Sequence[int | None], exported: int, trial: Trial, freed: batching.Freed
) -> ModelProto:
    """A copy of a graph for one image. Outputs without a batch get a leading 1; an exported batch is filled up."""
    copy = ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    batched = [_has_batch(tensor, model, freed.tensors.get(tensor.name)) for tensor in graph.output]
    for tensor, has_batch in zip(graph.output, batched, strict=True):
        if has_batch and exported == 1:
            continue
        inner = f"{tensor.name}/all"
        rename(graph, tensor.name, inner)
        node = (
            helper.make_node("Slice", [inner, "single/0", "single/1", "single/0"], [tensor.name], name=inner)
            if has_batch
            else helper.make_node("Unsqueeze", [inner, "single/0"], [tensor.name], name=inner)
        )
        graph.node.append(node)
    if exported > 1:
        image = graph.input[0].name
        rename(graph, image, f"{image}/batch")
        node = helper.make_node("Expand", [image, "single/batch"], [f"{image}/batch"], name=f"{image}/batch")
        graph.node.insert(0, node)
    sizes = np.array([exported, *[1] * len(image_shape)], np.int64)
    for name, value in (("0", np.array([0], np.int64)), ("1", np.array([1], np.int64)), ("batch", sizes)):
        if any(f"single/{name}" in node.input for node in graph.node):
            graph.initializer.append(numpy_helper.from_array(value, f"single/{name}"))
    return _declare(copy, image_shape, [1 if each else None for each in batched], trial, freed)


def _samples(
    image: ValueInfoProto, exported: int, sides: tuple[int, ...], samples: npt.NDArray[np.generic] | None
) -> npt.NDArray[np.generic]:
    """More images than the exported batch has, so that a graph that still holds it fails."""
    dtype = helper.tensor_dtype_to_np_dtype(image.type.tensor_type.elem_type)
    if samples is not None and samples.shape[1:] == sides:
        return np.resize(samples, (max(exported + 1, len(samples)), *sides)).astype(dtype)
    random = np.random.default_rng(seed=1)
    if dtype == np.uint8:
        return random.integers(0, 256, (exported + 1, *sides), np.uint8)
    return random.normal(size=(exported + 1, *sides)).astype(dtype)


def _batch_notes(batch: int | None, freed: batching.Freed, used: ModelProto) -> list[str]:
    changed = ", ".join(f"{count} {operator}" for operator, count in sorted(freed.changes.items()))
    if used is freed.model and changed:
        return [f"The exported batch of {batch or 1} is made variable ({changed})."]
    return [f"The exported batch of {batch} is made variable."] if batch else []


def _declare(
    model: ModelProto,
    image_shape: Sequence[int | None],
    batches: Sequence[int | str | None],
    trial: Trial,
    freed: batching.Freed,
) -> ModelProto:
    """A copy of a graph that declares the shapes of its input and outputs.

    `batches` has the first dimension of each output; None is an output that had none, and has a leading 1 now.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    set_dims(copy.graph.input[0], ["batch" if "batch" in batches else 1, *_named(image_shape)])
    for tensor, batch, answer in zip(copy.graph.output, batches, trial.answers[0], strict=True):
        known = freed.tensors.get(tensor.name)
        written = [dim.dim_value for dim in tensor.type.tensor_type.shape.dim]
        dims: Sequence[int] = written if len(written) == answer.ndim else [0] * answer.ndim
        if known is not None and known.shapes is not None:
            fits = len(written) == len(known.shapes[0])
            dims = known.shapes[0] if None not in image_shape else written if fits else [0] * len(known.shapes[0])
        named = [dim or f"{tensor.name}/{axis}" for axis, dim in enumerate(dims)]
        tensor.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(answer.dtype)
        set_dims(tensor, [1, *named] if batch is None else [batch, *named[1:]])
    onnx.checker.check_model(copy)
    return copy


def _has_batch(tensor: ValueInfoProto, model: ModelProto, known: batching.Tracked | None) -> bool:
    """Whether the first dimension of an output is the batch."""
    if known is not None and known.shapes is not None:
        return known.axis == 0
    first, images = (each.type.tensor_type.shape.dim[:1] for each in (tensor, model.graph.input[0]))
    return bool(first) and bool(images) and first[0] == images[0]


def _named(image_shape: Sequence[int | None]) -> list[int | str]:
    names = {1: "height", 2: "width"} if image_shape[0] is not None else {0: "height", 1: "width"}
    return [dim if dim is not None else names.get(axis, f"side_{axis}") for axis, dim in enumerate(image_shape)]
