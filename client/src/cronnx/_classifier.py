"""One model, asked what images show."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from cronnx._errors import CronnxError, InvalidInput
from cronnx._images import ImageLike, image_file
from cronnx._models import checked_version
from cronnx._results import MAX_TOP_K, OUTPUT_KINDS, Classification, classifications
from cronnx._session import Session
from cronnx._transport import InferRequest

_OUTPUTS = tuple(OUTPUT_KINDS)


class Classifier:
    """Asks one version of one model, always in the same way."""

    def __init__(
        self, session: Session, model_name: str, model_version: str, *, top_k: int, timeout_s: float | None
    ) -> None:
        if not 1 <= top_k <= MAX_TOP_K:
            raise InvalidInput(f"top_k is {top_k}, expected 1 to {MAX_TOP_K}, the number of classes a model scores")
        self._session = session
        self._model_name = model_name
        self._model_version = checked_version(model_version)
        self._top_k = top_k
        self._timeout_s = session.timeout_s(timeout_s)

    async def one(self, image: ImageLike) -> Classification:
        """Classify an image."""
        (answer,) = await self._batch([image])
        return answer

    async def all(self, images: Sequence[ImageLike], *, batch_size: int) -> list[Classification]:
        """Classify images in batches, one after the other; an error says which batch it ended."""
        answers: list[Classification] = []
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            try:
                answers += await self._batch(batch)
            except CronnxError as error:
                error.images = range(start, start + len(batch))
                raise
        return answers

    async def _batch(self, images: Sequence[ImageLike]) -> list[Classification]:
        request = InferRequest(
            model_name=self._model_name,
            model_version=self._model_version,
            inputs={"image": np.array(await _files(images), dtype=object).reshape(-1, 1)},
            outputs=_OUTPUTS,
            timeout_s=self._timeout_s,
        )
        outputs = await self._session.infer(request)
        return classifications(outputs, request=request, top_k=self._top_k)


async def _files(images: Sequence[ImageLike]) -> list[bytes]:
    if all(isinstance(image, bytes) for image in images):
        return [image_file(image) for image in images]  # nothing to read or to encode: no need of a thread
    return await asyncio.to_thread(lambda: [image_file(image) for image in images])
