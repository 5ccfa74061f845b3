"""Turns requests into calls of arms, and answers of arms into answers to requests, with as few copies as possible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class Tensor(Protocol):
    """A tensor in the memory of the server."""

    def as_numpy(self) -> npt.NDArray[Any]:
        """Its content, [batch, …]."""


Tensors = Mapping[str, Tensor]
"""Tensors of the server, by name."""

TensorsOrArrays = Mapping[str, "Tensor | npt.NDArray[Any]"]
"""Tensors of the server, or arrays if they had to be cut or joined, by name."""


@dataclass(frozen=True)
class Request:
    """A request: images of one or several users.

    Attributes:
        inputs: The tensors that are passed on to an arm.
        user_ids: The user of each image; an empty id if there is none.
        trace: What the server traces the request by; None if it is not traced.
    """

    inputs: Tensors
    user_ids: Sequence[bytes]
    trace: object = None


@dataclass(frozen=True)
class RequestPart:
    """Those images of a request that go to the same arm.

    Attributes:
        request: The index of the request in the batch.
        inputs: The inputs of the whole request.
        rows: The rows of `inputs` that belong to the part, in ascending order.
        is_whole: Whether they are all rows.
        trace: The trace of the request.
    """

    request: int
    inputs: Tensors
    rows: Sequence[int]
    is_whole: bool
    trace: object = None


def gather(parts: Sequence[RequestPart]) -> TensorsOrArrays:
    """The inputs of one call for several parts. A single whole request is passed on without a copy."""
    if len(parts) == 1 and parts[0].is_whole:
        return parts[0].inputs
    return {name: np.concatenate([_rows(part, name) for part in parts]) for name in parts[0].inputs}


def _rows(part: RequestPart, name: str) -> npt.NDArray[Any]:
    array = part.inputs[name].as_numpy()
    return array if part.is_whole else array[list(part.rows)]


def scatter(outputs: Tensors, parts: Sequence[RequestPart]) -> Iterator[TensorsOrArrays]:
    """The outputs of each part of a call, in order. A single part gets them without a copy, others get views."""
    if len(parts) == 1:
        yield outputs
        return
    arrays = {name: tensor.as_numpy() for name, tensor in outputs.items()}
    for start, stop in pairwise(accumulate((len(part.rows) for part in parts), initial=0)):
        yield {name: array[start:stop] for name, array in arrays.items()}


def as_array(content: Tensor | npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The content of a tensor, or the array itself."""
    return content if isinstance(content, np.ndarray) else content.as_numpy()


@dataclass
class PartialAnswer:
    """The answer to a request, while some of its parts may be missing.

    Attributes:
        image_count: The number of images of the request.
        parts: The rows of each answered part, and its outputs.
    """

    image_count: int
    parts: list[tuple[Sequence[int], TensorsOrArrays]] = field(default_factory=list)

    def add(self, part: RequestPart, outputs: TensorsOrArrays) -> bool:
        """Keep the outputs of a part, and return whether it was the last one."""
        self.parts.append((part.rows, outputs))
        return sum(len(rows) for rows, _ in self.parts) == self.image_count

    def joined(self) -> TensorsOrArrays:
        """The outputs of the request, in the order of its images."""
        if len(self.parts) == 1:
            return self.parts[0][1]
        order = np.argsort(np.concatenate([rows for rows, _ in self.parts]))
        names = self.parts[0][1]
        return {name: np.concatenate([as_array(outputs[name]) for _, outputs in self.parts])[order] for name in names}
