"""What a classifier answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy.typing as npt

from cronnx._errors import ServerFault
from cronnx._transport import InferRequest

MAX_TOP_K = 5
"""How many classes a model scores for an image; all of them where it has fewer."""

OUTPUT_KINDS = {"label": "O", "class_id": "i", "score": "f", "served_by": "O"}
"""The outputs of a classifier and their numpy kinds; `served_by` has one column, the others 1 to MAX_TOP_K."""


@dataclass(frozen=True, slots=True)
class ScoredClass:
    """One class and how likely the model takes it to be.

    Attributes:
        label: The class in words.
        class_id: The class's index in the model's output.
        score: Probability, 0 to 1.
    """

    label: str
    class_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Classification:
    """The answer for one image.

    Attributes:
        top: The likeliest classes, best first; at least one.
        served_by: The model version that answered, `<model>/<version>@<first 8 of the weights' sha256>`.
        model_name: The model that was asked.
    """

    top: tuple[ScoredClass, ...]
    served_by: str
    model_name: str

    @property
    def label(self) -> str:
        """Label of the best class."""
        return self.top[0].label

    @property
    def class_id(self) -> int:
        """Index of the best class."""
        return self.top[0].class_id

    @property
    def score(self) -> float:
        """Probability of the best class, 0 to 1."""
        return self.top[0].score

    def as_dict(self) -> dict[str, Any]:
        """The answer as JSON types: the best class, `served_by`, and all of `top`."""
        return {
            **asdict(self.top[0]),
            "served_by": self.served_by,
            "top": [asdict(scored) for scored in self.top],
        }


def classifications(
    outputs: Mapping[str, npt.NDArray[Any]], *, request: InferRequest, top_k: int
) -> list[Classification]:
    """Read the answer for each image of a request.

    Raises:
        ServerFault: The outputs are not those of a classifier for as many images.
    """
    _check(outputs, request)
    columns = (outputs[name][:, :top_k].tolist() for name in OUTPUT_KINDS)
    return [
        Classification(
            top=tuple(map(_scored_class, labels, class_ids, scores)),
            served_by=_text(served_by[0]),
            model_name=request.model_name,
        )
        for labels, class_ids, scores, served_by in zip(*columns, strict=True)
    ]


def _check(outputs: Mapping[str, npt.NDArray[Any]], request: InferRequest) -> None:
    count = request.inputs["image"].shape[0]
    came = {name: (array.dtype.kind, array.shape) for name, array in outputs.items()}
    *_, columns = (MAX_TOP_K, *(outputs["label"].shape if "label" in outputs else ()))
    columns = min(max(columns, 1), MAX_TOP_K)
    expected = {name: (kind, (count, 1 if name == "served_by" else columns)) for name, kind in OUTPUT_KINDS.items()}
    if came != expected:
        raise ServerFault(
            f"model {request.model_name!r} answered {came}, expected {expected} (numpy kind, shape)",
            model_name=request.model_name,
            request_id=request.request_id,
        )


def _scored_class(label: bytes | str, class_id: int, score: float) -> ScoredClass:
    return ScoredClass(label=_text(label), class_id=class_id, score=score)


def _text(element: bytes | str) -> str:
    # BYTES come as bytes from binary tensors, as str from JSON ones.
    return element.decode(errors="replace") if isinstance(element, bytes) else str(element)
