"""The tasks of image models: the outputs that answer each, how they are read, and the methods that ask for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

import numpy.typing as npt

from cronnx._answers import ImageTensors
from cronnx._classification import Classification, check_top_k, read_classification
from cronnx._depth import Depth, read_depth
from cronnx._detection import Detections, read_detections
from cronnx._embedding import Embedding, read_embedding
from cronnx._segmentation import Segmentation, read_segmentation
from cronnx._transports.base import Json

A_co = TypeVar("A_co", covariant=True)

Answer: TypeAlias = Classification | Detections | Segmentation | Embedding | Depth
"""The answer of a model of any task."""

_PARAMETER = "task"

_SERVED_BY = "served_by O 1"
_CLASSES = ("label O k", "class_id i k", "score f k")
_OBJECTS = ("num_detections i 1", "box f n 4", "score f n", "class_id i n", "label O n")
_MASKS = ("mask i *", "mask_size i n 2", "mask_box f n 4", "mask_scale i 1")


@dataclass(frozen=True)
class Output:
    """One output of a model.

    Attributes:
        name: The tensor's name.
        kind: The numpy kind of its elements: `O`, `i`, `u` or `f`; several letters allow each.
        dims: The dimensions after the batch's: numbers, letters for sizes of 1 or more that outputs share, or `*` for
            any size.
    """

    name: str
    kind: str
    dims: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.kind} [{', '.join(('batch', *self.dims))}]"


@dataclass(frozen=True)
class AnswerFormat(Generic[A_co]):
    """What the models of one task answer.

    Attributes:
        outputs: The outputs to ask for.
        read: Reads the answer for one image; raises `MalformedAnswerError` if the outputs contradict each other.
    """

    outputs: tuple[Output, ...]
    read: Callable[[ImageTensors], A_co]

    def misfit(self, tensors: Mapping[str, npt.NDArray[Any]], *, batch: int) -> str | None:
        """Return what the outputs are if they are not this format's for a batch of this size; None if they are."""
        sizes: dict[str, int] = {}
        fit = tensors.keys() == {output.name for output in self.outputs} and all(
            _fits(output, tensors[output.name], batch, sizes) for output in self.outputs
        )
        return None if fit else ", ".join(f"{name} {_form(tensor)}" for name, tensor in tensors.items())


def _fits(output: Output, tensor: npt.NDArray[Any], batch: int, sizes: dict[str, int]) -> bool:
    if tensor.dtype.kind not in output.kind or tensor.ndim != 1 + len(output.dims) or tensor.shape[0] != batch:
        return False
    return all(
        dim == "*" or size == (int(dim) if dim.isdecimal() else sizes.setdefault(dim, max(size, 1)))
        for dim, size in zip(output.dims, tensor.shape[1:], strict=True)
    )


def _form(tensor: npt.NDArray[Any]) -> str:
    return f"{tensor.dtype.kind} {list(tensor.shape)}"


def _format(*outputs: str, read: Callable[[ImageTensors], A_co]) -> AnswerFormat[A_co]:
    described = [output.split() for output in (*outputs, _SERVED_BY)]
    return AnswerFormat(tuple(Output(name, kind, tuple(dims)) for name, kind, *dims in described), read)


@dataclass(frozen=True)
class Method(Generic[A_co]):
    """A method of the client that asks for images' answers.

    Attributes:
        name: The method's name.
        formats: The answers of the tasks that it serves, by task.
    """

    name: str
    formats: Mapping[str, AnswerFormat[A_co]]


def _classification(top_k: int) -> dict[str, AnswerFormat[Classification]]:
    return {
        "classification": _format(*_CLASSES, read=partial(read_classification, top_k=top_k)),
        "multi_label": _format(*_CLASSES, read=partial(read_classification, top_k=top_k, independent=True)),
    }


_INSTANCES = {
    "instance_segmentation": _format(*_OBJECTS, *_MASKS, read=read_detections),
}
_OBJECT_TASKS = {
    "detection": _format(*_OBJECTS, read=read_detections),
    "pose": _format(*_OBJECTS, "keypoints f n points 3", read=read_detections),
    "oriented_boxes": _format(*_OBJECTS, "corners f n 4 2", read=read_detections),
    **_INSTANCES,
}
_PIXEL_CLASSES = {
    "semantic_segmentation": _format("class_map iu h w", "label O classes", "geometry f 6", read=read_segmentation),
}


def classify_method(top_k: int) -> Method[Classification]:
    """Return the method that keeps this number of classes.

    Raises:
        InvalidInput: A model does not score this number of classes.
    """
    check_top_k(top_k)
    return Method("classify", _classification(top_k))


DETECT: Method[Detections] = Method("detect", _OBJECT_TASKS)
SEGMENT: Method[Segmentation | Detections] = Method("segment", {**_PIXEL_CLASSES, **_INSTANCES})
EMBED: Method[Embedding] = Method("embed", {"embedding": _format("embedding f d", read=read_embedding)})
ESTIMATE_DEPTH: Method[Depth] = Method(
    "estimate_depth", {"depth": _format("depth f h w", "geometry f 6", read=read_depth)}
)
_METHODS: tuple[Method[Answer], ...] = (classify_method(5), DETECT, SEGMENT, EMBED, ESTIMATE_DEPTH)
PREDICT: Method[Answer] = Method("predict", {task: each for m in _METHODS for task, each in m.formats.items()})


def task_of(config: Json) -> str:
    """Return a model's task from its configuration; empty if it has none.

    It is the parameter `task`. A model without it has the task whose outputs it has, the one with most of them.
    """
    told = config.get("parameters", {}).get(_PARAMETER, {}).get("string_value", "")
    if told:
        return str(told)
    names = {output["name"] for output in config.get("output", ())}
    fitting = {
        task: len(each.outputs)
        for task, each in PREDICT.formats.items()
        if names >= {output.name for output in each.outputs}
    }
    return max(fitting, key=lambda task: fitting[task], default="")


def method_names(task: str) -> list[str]:
    """Return the names of the methods that serve a task; `predict` serves every one."""
    return [*(method.name for method in _METHODS if task in method.formats), PREDICT.name]
