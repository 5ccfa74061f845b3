"""The input and output of an image classifier, read from the graph."""

from __future__ import annotations

from dataclasses import dataclass

from cronnx_onnxruntime.signature import Signature, Tensor
from cronnx_server.errors import ModelFileError

USE_RAW = "to serve the graph unchanged, use --raw"


@dataclass(frozen=True)
class ClassifierSignature:
    """One image in, one score for each class out.

    Attributes:
        input: The name of the input, FP32 in the shape of the layout.
        output: The name of the output, FP32 [batch, classes].
        batch: The batch size of the export; -1 if the batch is variable.
        layout: `NCHW` or `NHWC`.
        size: Height and width of an image, in pixels.
    """

    input: str
    output: str
    batch: int
    layout: str
    size: int

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape of one image."""
        return (3, self.size, self.size) if self.layout == "NCHW" else (self.size, self.size, 3)


def classifier_signature(signature: Signature, *, size: int | None) -> ClassifierSignature:
    """Read how a graph takes images and gives scores.

    Args:
        signature: The inputs and outputs of the graph.
        size: Height and width of an image in pixels; None is the size that the graph declares.

    Raises:
        ModelFileError: The graph is not a classifier of square RGB images, or its size is unknown.
    """
    image = _only("input", tuple(tensor for tensor in signature.inputs if not tensor.optional))
    scores = _only("output", signature.outputs)
    if len(scores.shape) != 2:
        raise ModelFileError(f"expected an output FP32 [batch, classes], got {_described(scores)}; {USE_RAW}")
    layout = _layout(image)
    height, width = image.shape[2:] if layout == "NCHW" else image.shape[1:3]
    return ClassifierSignature(image.name, scores.name, image.shape[0], layout, _size(height, width, size))


def _only(kind: str, tensors: tuple[Tensor, ...]) -> Tensor:
    if len(tensors) != 1:
        names = ", ".join(tensor.name for tensor in tensors)
        raise ModelFileError(f"expected a classifier with one {kind}, got {len(tensors)} ({names}); {USE_RAW}")
    (tensor,) = tensors
    if tensor.data_type != "TYPE_FP32":
        raise ModelFileError(f"expected an FP32 {kind}, got {_described(tensor)}; {USE_RAW}")
    return tensor


def _layout(image: Tensor) -> str:
    if len(image.shape) == 4 and image.shape[1] == 3:
        return "NCHW"
    if len(image.shape) == 4 and image.shape[3] == 3:
        return "NHWC"
    raise ModelFileError(
        "expected an input FP32 [batch, 3, height, width] or [batch, height, width, 3], "
        f"got {_described(image)}; {USE_RAW}"
    )


def _size(height: int, width: int, given: int | None) -> int:
    declared = {side for side in (height, width) if side > 0}
    if len(declared) > 1:
        raise ModelFileError(f"expected square images, got a graph for {height}x{width}; {USE_RAW}")
    if given is None and not declared:
        raise ModelFileError("expected a graph with a fixed image size, got a variable one; choose it with --size")
    size = given if given is not None else declared.pop()
    if declared - {size}:
        (side,) = declared
        raise ModelFileError(
            f"expected a graph for images of {size}x{size}, got one for {side}x{side}; "
            "correct --size, or export the model for that size"
        )
    return size


def _described(tensor: Tensor) -> str:
    return f"'{tensor.name}' {tensor.data_type.removeprefix('TYPE_')} {list(tensor.shape)}"
