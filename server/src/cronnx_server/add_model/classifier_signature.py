"""How an image classifier takes pictures, read from its inputs and outputs; or why it is none."""

from __future__ import annotations

from dataclasses import dataclass

from cronnx_onnxruntime.signature import Signature, Tensor
from cronnx_server.errors import SetupError

RAW = "to serve the graph as it is, say --raw"


@dataclass(frozen=True)
class ClassifierSignature:
    """One picture in, one score a class out.

    Attributes:
        input: name of the input, FP32 and of the layout's shape.
        output: name of the output, FP32 [batch, classes].
        batch: how many pictures the graph was exported for; -1 where it takes any number.
        layout: `NCHW` or `NHWC`.
        size: height and width in pixels.
    """

    input: str
    output: str
    batch: int
    layout: str
    size: int

    @property
    def picture(self) -> tuple[int, int, int]:
        """The shape of one picture."""
        return (3, self.size, self.size) if self.layout == "NCHW" else (self.size, self.size, 3)


def classifier_signature(signature: Signature, *, size: int | None) -> ClassifierSignature:
    """The signature of a classifier of pictures of `size` pixels; None is the graph's own size.

    Raises:
        SetupError: the graph is no classifier of square RGB pictures, or its size is not known.
    """
    image = _only("input", tuple(tensor for tensor in signature.inputs if not tensor.optional))
    scores = _only("output", signature.outputs)
    if len(scores.shape) != 2:
        raise SetupError(f"output {_described(scores)} came, a classifier gives FP32 [batch, classes]; {RAW}")
    layout = _layout(image)
    height, width = image.shape[2:] if layout == "NCHW" else image.shape[1:3]
    return ClassifierSignature(image.name, scores.name, image.shape[0], layout, _size(height, width, size))


def _only(kind: str, tensors: tuple[Tensor, ...]) -> Tensor:
    if len(tensors) != 1:
        names = ", ".join(tensor.name for tensor in tensors)
        raise SetupError(f"the graph has {len(tensors)} {kind}s ({names}), a classifier has one; {RAW}")
    (tensor,) = tensors
    if tensor.data_type != "TYPE_FP32":
        raise SetupError(f"{kind} {_described(tensor)} came, a classifier has an FP32 {kind}; {RAW}")
    return tensor


def _layout(image: Tensor) -> str:
    if len(image.shape) == 4 and image.shape[1] == 3:
        return "NCHW"
    if len(image.shape) == 4 and image.shape[3] == 3:
        return "NHWC"
    raise SetupError(
        f"input {_described(image)} came, a classifier takes FP32 [batch, 3, height, width] or "
        f"[batch, height, width, 3]; {RAW}"
    )


def _size(height: int, width: int, asked: int | None) -> int:
    known = {side for side in (height, width) if side > 0}
    if len(known) > 1:
        raise SetupError(f"the graph takes pictures of {height}x{width}, a classifier takes square ones; {RAW}")
    if asked is None and not known:
        raise SetupError("the graph takes pictures of any size: say with --size which it is for")
    size = asked if asked is not None else known.pop()
    if known - {size}:
        raise SetupError(f"--size is {size}, and the graph takes pictures of {known.pop()}: leave --size out")
    return size


def _described(tensor: Tensor) -> str:
    return f"'{tensor.name}' {tensor.data_type.removeprefix('TYPE_')} {list(tensor.shape)}"
