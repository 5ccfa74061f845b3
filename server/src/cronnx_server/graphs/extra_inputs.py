"""Inputs beside the image, filled inside the graph so that no caller has to send them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from onnx import ModelProto, TensorProto, ValueInfoProto, helper

from cronnx_server.errors import ModelFileError
from cronnx_server.graphs.builder import GraphBuilder


class Fill(Enum):
    """What an input beside the image gets for every image; height and width are those of the network's image."""

    ONES = "ones"
    ZEROS = "zeros"
    HEIGHT_WIDTH = "height, width"
    WIDTH_HEIGHT = "width, height"


SIZES = (Fill.HEIGHT_WIDTH, Fill.WIDTH_HEIGHT)
FILLS = {
    "pixel_mask": Fill.ONES,  # DETR and its relatives: every pixel is part of the photograph
    "mask": Fill.ONES,
    "scale_factor": Fill.ONES,  # PaddleDetection
    "im_shape": Fill.HEIGHT_WIDTH,  # PaddleDetection
    "image_shape": Fill.HEIGHT_WIDTH,  # YOLOv3 of the ONNX zoo
    "target_sizes": Fill.HEIGHT_WIDTH,  # Hugging Face
    "orig_target_sizes": Fill.WIDTH_HEIGHT,  # RT-DETR, D-FINE, DEIM
    "orig_size": Fill.WIDTH_HEIGHT,
    "keras_learning_phase": Fill.ZEROS,
}
"""The fill of each input that exporters add, by its name."""


def guess_fill(name: str) -> Fill | None:
    """The fill of an input by its name, whatever its exporter put behind a colon; None if the name is not known."""
    return FILLS.get(name.split(":")[0])


def fill_inputs(model: ModelProto, *, image_input: str, layout: str, fills: Mapping[str, Fill]) -> list[str]:
    """Compute every input but the image inside the graph, in place; what was filled, one sentence each.

    Args:
        model: A sorted graph.
        image_input: The name of the image input.
        layout: `NCHW` or `NHWC`.
        fills: What inputs get, by name; those not named are guessed.

    Raises:
        ModelFileError: An input is not known.
    """
    builder, notes = GraphBuilder("filled/"), []
    extra = [tensor for tensor in model.graph.input if tensor.name != image_input]
    unknown = [tensor.name for tensor in extra if fills.get(tensor.name, guess_fill(tensor.name)) is None]
    if unknown:
        raise ModelFileError(
            f"expected an image as the only input, got others that the outputs need ({', '.join(unknown)}); "
            "choose outputs that do not need them with --output, or export the model without them"
        )
    for tensor in extra:
        fill = fills.get(tensor.name) or FILLS[tensor.name.split(":")[0]]
        _fill(builder, tensor, fill, image=image_input, layout=layout)
        notes.append(f"The input '{tensor.name}' is filled with {fill.value}.")
        model.graph.input.remove(tensor)
    nodes = [*builder.nodes, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(builder.constants)
    return notes


def _fill(builder: GraphBuilder, tensor: ValueInfoProto, fill: Fill, *, image: str, layout: str) -> None:
    dims = [dim.dim_value for dim in tensor.type.tensor_type.shape.dim]
    shape = builder.op("Shape", image)
    batch, height, width = (
        builder.op("Slice", shape, builder.ints(at), builder.ints(at + 1)) for at in (0, *_sides(layout))
    )
    if fill in SIZES:
        pair = (height, width) if fill is Fill.HEIGHT_WIDTH else (width, height)
        value = builder.op("Concat", *pair, axis=0)
        sizes = [batch, *[builder.ints(1)] * (len(dims) - 2), builder.ints(2)] if len(dims) > 1 else [builder.ints(2)]
    else:
        value = builder.ints(1 if fill is Fill.ONES else 0)
        sides = iter((height, width))
        sizes = [batch, *(builder.ints(dim) if dim else next(sides, builder.ints(1)) for dim in dims[1:])]
    value = builder.op("Expand", value, builder.op("Concat", *sizes, axis=0)) if dims else builder.op("Squeeze", value)
    cast = helper.make_node("Cast", [value], [tensor.name], name=f"filled/{tensor.name}")
    cast.attribute.append(helper.make_attribute("to", tensor.type.tensor_type.elem_type or TensorProto.FLOAT))
    builder.nodes.append(cast)


def _sides(layout: str) -> tuple[int, int]:
    """The dimensions of height and width."""
    return (2, 3) if layout == "NCHW" else (1, 2)
