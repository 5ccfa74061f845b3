"""Requests to calls and back: what can be passed on as it is, is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Tensor(Protocol):
    """What a server hands out: a name's content, in memory of the server's."""

    def as_numpy(self) -> Array:
        """The content, batch first."""


Tensors = Mapping[str, Tensor]
Content = Mapping[str, "Tensor | Array"]


@dataclass(frozen=True)
class Request:
    """A request: some images, of one user or several.

    Attributes:
        inputs: The tensors that go on to an arm.
        user_ids: An id an image; empty for nobody's.
        trace: What the server traces the request by; None where it does not.
    """

    inputs: Tensors
    user_ids: Sequence[bytes]
    trace: object = None


@dataclass(frozen=True)
class Part:
    """Some images of a request, by their rows."""

    request: int
    inputs: Tensors
    rows: Sequence[int]
    is_whole: bool
    trace: object = None


def gather(parts: Sequence[Part]) -> Content:
    """The inputs of one call for all these parts; those of a lone request are the very tensors that came."""
    if len(parts) == 1 and parts[0].is_whole:
        return parts[0].inputs
    return {name: np.concatenate([_rows(part, name) for part in parts]) for name in parts[0].inputs}


def _rows(part: Part, name: str) -> Array:
    array = part.inputs[name].as_numpy()
    return array if part.is_whole else array[list(part.rows)]


def scatter(outputs: Tensors, parts: Sequence[Part]) -> Iterator[Content]:
    """Each part's outputs, in order: the very tensors of a lone request, else views."""
    if len(parts) == 1:
        yield outputs
        return
    arrays = {name: tensor.as_numpy() for name, tensor in outputs.items()}
    for start, stop in pairwise(accumulate((len(part.rows) for part in parts), initial=0)):
        yield {name: array[start:stop] for name, array in arrays.items()}


def as_array(content: Tensor | Array) -> Array:
    """The content, whoever holds it."""
    return content if isinstance(content, np.ndarray) else content.as_numpy()


@dataclass
class Pieces:
    """The answers to a request's parts, as they come."""

    size: int
    pieces: list[tuple[Sequence[int], Content]] = field(default_factory=list)

    def add(self, part: Part, outputs: Content) -> bool:
        """Keep the answer to one part; whether it was the last."""
        self.pieces.append((part.rows, outputs))
        return sum(len(rows) for rows, _ in self.pieces) == self.size

    def joined(self) -> Content:
        """The request's outputs, in the order of its images."""
        if len(self.pieces) == 1:
            return self.pieces[0][1]
        order = np.argsort(np.concatenate([rows for rows, _ in self.pieces]))
        names = self.pieces[0][1]
        return {name: np.concatenate([as_array(outputs[name]) for _, outputs in self.pieces])[order] for name in names}
