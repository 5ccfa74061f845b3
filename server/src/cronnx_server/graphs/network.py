"""Makes a network fit to serve out of any exported ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from onnx import ModelProto

from cronnx_server.graphs.extra_inputs import Fill


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network fit to serve.

    Attributes:
        model: A graph from one image input [batch, ...] to the chosen outputs [batch, ...], all under their own names.
            FP16 and FP64 outputs are FP32 here; an FP16 or UINT8 image input stays as it is. The first dimension is
            `batch` if it is batchable, else 1.
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

    Raises:
        ModelFileError: The graph cannot be served; the message says why and what to do.
    """
    raise NotImplementedError
