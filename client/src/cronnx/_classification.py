"""Classification of images by a model, and its answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from cronnx._errors import CronnxError, InvalidInput, ServerFault
from cronnx._inputs import ImageLike, image_file
from cronnx._models import checked_version
from cronnx._session import Session
from cronnx._transports.base import InferRequest

T = TypeVar("T")

MAX_TOP_K = 5
"""The number of classes that a model scores for an image; a model with fewer classes scores them all."""

_OUTPUT_KINDS = {"label": "O", "class_id": "i", "score": "f", "served_by": "O"}
"""A classifier's outputs and their numpy kinds. `served_by` has one column, the others 1 to MAX_TOP_K."""


@dataclass(frozen=True, slots=True)
class ScoredClass:
    """One class and its probability.

    Attributes:
        label: The class in words.
        class_id: The class's index in the model's output.
        score: The probability, 0 to 1.
    """

    label: str
    class_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Classification:
    """The answer for one image.

    Attributes:
        top: The most probable classes, best first; at least one.
        served_by: The model version that answered, `<model>/<version>@<first 8 of the weights' sha256>`.
        model_name: The model that was asked.
    """

    top: tuple[ScoredClass, ...]
    served_by: str
    model_name: str

    @property
    def label(self) -> str:
        """The label of the best class."""
        return self.top[0].label

    @property
    def class_id(self) -> int:
        """The index of the best class."""
        return self.top[0].class_id

    @property
    def score(self) -> float:
        """The probability of the best class, 0 to 1."""
        return self.top[0].score

    def as_dict(self) -> dict[str, Any]:
        """Return the answer as JSON types: the best class, `served_by`, and all of `top`."""
        return {
            **asdict(self.top[0]),
            "served_by": self.served_by,
            "top": [asdict(scored) for scored in self.top],
        }


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """The answer or the error for one image of `classify_many`.

    Attributes:
        image: The image as given: the same path, bytes or PIL image.
        index: The image's position in the input, from 0.
        classification: The answer; None if there is an error.
        error: Why there is no answer; None if there is one.
        seconds: The time from taking the image from the input to its answer or error, in seconds. It includes
            reading the image, waiting and retries.
    """

    image: T
    index: int
    classification: Classification | None
    error: CronnxError | None
    seconds: float


class Classifier:
    """One version of one model, and how to ask it."""

    def __init__(
        self, session: Session, model_name: str, model_version: str, *, top_k: int, timeout_s: float | None
    ) -> None:
        """Make a classifier; see `Client.classify` for the arguments.

        Raises:
            InvalidInput: An argument cannot be used.
        """
        if not 1 <= top_k <= MAX_TOP_K:
            raise InvalidInput(
                f"top_k: expected 1 to {MAX_TOP_K}, the number of classes that a model scores; got {top_k}"
            )
        self._session = session
        self._model_name = model_name
        self._model_version = checked_version(model_version)
        self._top_k = top_k
        self._timeout_s = session.timeout_s(timeout_s)

    async def classify(self, image: ImageLike) -> Classification:
        """Classify one image."""
        (answer,) = await self._classify_batch([image])
        return answer

    async def classify_all(self, images: Sequence[ImageLike], *, batch_size: int) -> list[Classification]:
        """Classify images in batches, one batch at a time.

        Raises:
            CronnxError: A batch failed; `images` says which.
        """
        answers: list[Classification] = []
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            try:
                answers += await self._classify_batch(batch)
            except CronnxError as error:
                error.images = range(start, start + len(batch))
                raise
        return answers

    async def _classify_batch(self, images: Sequence[ImageLike]) -> list[Classification]:
        request = InferRequest(
            model_name=self._model_name,
            model_version=self._model_version,
            inputs={"image": np.array(await _image_files(images), dtype=object).reshape(-1, 1)},
            outputs=tuple(_OUTPUT_KINDS),
            timeout_s=self._timeout_s,
        )
        outputs = await self._session.infer(request)
        return classifications(outputs, request=request, top_k=self._top_k)


async def _image_files(images: Sequence[ImageLike]) -> list[bytes]:
    if all(isinstance(image, bytes) for image in images):
        return [image_file(image) for image in images]  # nothing to read or encode, so no thread is needed
    return await asyncio.to_thread(lambda: [image_file(image) for image in images])


def classifications(
    outputs: Mapping[str, npt.NDArray[Any]], *, request: InferRequest, top_k: int
) -> list[Classification]:
    """Read the answer for each image of a request.

    Args:
        outputs: The outputs by name: `label`, `class_id` and `score` of shape [batch, 1 to 5], `served_by` of shape
            [batch, 1].
        request: The request that they answer.
        top_k: The number of classes to keep.

    Raises:
        ServerFault: The outputs are not those of a classifier for this number of images.
    """
    _check(outputs, request)
    columns = (outputs[name][:, :top_k].tolist() for name in _OUTPUT_KINDS)
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
    found = {name: (array.dtype.kind, array.shape) for name, array in outputs.items()}
    *_, columns = (MAX_TOP_K, *(outputs["label"].shape if "label" in outputs else ()))
    columns = min(max(columns, 1), MAX_TOP_K)
    expected = {name: (kind, (count, 1 if name == "served_by" else columns)) for name, kind in _OUTPUT_KINDS.items()}
    if found != expected:
        raise ServerFault(
            f"outputs of model {request.model_name!r}: expected {expected}, got {found} (numpy kind, shape);"
            " is it a classifier?",
            model_name=request.model_name,
            request_id=request.request_id,
        )


def _scored_class(label: bytes | str, class_id: int, score: float) -> ScoredClass:
    return ScoredClass(label=_text(label), class_id=class_id, score=score)


def _text(element: bytes | str) -> str:
    # BYTES are bytes in binary tensors and str in JSON tensors.
    return element.decode(errors="replace") if isinstance(element, bytes) else str(element)
