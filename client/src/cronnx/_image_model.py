"""One version of one model, asked about images: the core of every method that does so."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from cronnx._answers import ImageTensors, MalformedAnswerError, text
from cronnx._ensemble import EnsembleStep, infer_version, steps_with_one_pin
from cronnx._errors import CronnxError, InvalidInput, ServerFault
from cronnx._inputs import ImageLike, image_file, is_address
from cronnx._models import checked_version
from cronnx._session import Session
from cronnx._tasks import PREDICT, AnswerFormat, Method, method_names, task_of
from cronnx._transports.base import InferRequest
from cronnx._transports.refusals import BATCH_TOO_LARGE, UNKNOWN_OUTPUT

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model's configuration says about asking it.

    Attributes:
        task: The model's task; empty if it has none.
        max_batch_size: The most images of one request.
        steps: The steps of an ensemble that pins one version of one model; empty for any other model.
    """

    task: str
    max_batch_size: int
    steps: tuple[EnsembleStep, ...]


class KnownModels:
    """The facts of the models that a client has asked, each read once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._facts: dict[str, ModelFacts] = {}

    def __contains__(self, model_name: str) -> bool:
        return model_name in self._facts

    async def facts(self, model_name: str, *, timeout_s: float) -> ModelFacts:
        """Return a model's facts."""
        if model_name not in self._facts:
            config = await self._session.model_config(model_name, timeout_s=timeout_s)
            self._facts[model_name] = ModelFacts(
                task_of(config), max(1, int(config.get("max_batch_size", 0))), steps_with_one_pin(config)
            )
        return self._facts[model_name]

    async def have_changed(self, model_name: str, *, timeout_s: float) -> bool:
        """Read a known model's facts again, and return whether they are others."""
        before = self._facts.pop(model_name, None)
        try:
            return await self.facts(model_name, timeout_s=timeout_s) != before
        except CronnxError:
            return False


class ImageModel(Generic[A]):
    """One version of one model, and how a method of the client asks it."""

    def __init__(
        self,
        session: Session,
        known: KnownModels,
        method: Method[A],
        *,
        model_name: str,
        model_version: str | int,
        timeout_s: float | None,
    ) -> None:
        """Make one; see `Client.classify` for the arguments.

        Raises:
            InvalidInput: An argument cannot be used.
        """
        self._session = session
        self._known = known
        self._method = method
        self._model_name = model_name
        self._model_version = checked_version(model_version)
        self._timeout_s = session.timeout_s(timeout_s)

    async def ask(self, image: ImageLike) -> A:
        """Return the answer for one image."""
        (answer,) = await self._ask_batch([image])
        return answer

    async def ask_all(self, images: Sequence[ImageLike]) -> list[A]:
        """Return the answers for images, asked in batches of the model's largest size, one batch at a time.

        Raises:
            CronnxError: A batch failed; `images` says which.
        """
        if not images:
            return []
        answers: list[A] = []
        while len(answers) < len(images):
            start = len(answers)
            batch = images[start : start + await self._batch_size()]
            try:
                answers += await self._ask_batch(batch)
            except CronnxError as error:
                if BATCH_TOO_LARGE in (error.server_message or "") and len(batch) > await self._new_batch_size():
                    continue  # the model has been loaded again with a smaller one
                error.images = range(start, start + len(batch))
                raise
        return answers

    async def _batch_size(self) -> int:
        return (await self._known.facts(self._model_name, timeout_s=self._timeout_s)).max_batch_size

    async def _new_batch_size(self) -> int:
        await self._has_changed()
        return await self._batch_size()

    async def _ask_batch(self, images: Sequence[ImageLike]) -> list[A]:
        files = await _image_files(images, timeout_s=self._timeout_s)
        was_known = self._model_name in self._known
        try:
            return await self._ask_as_known(files)
        except (InvalidInput, ServerFault) as error:
            if not (was_known and _may_be_outdated(error) and await self._has_changed()):
                raise
        return await self._ask_as_known(files)

    async def _has_changed(self) -> bool:
        """Return whether another model has been loaded under the name."""
        return await self._known.have_changed(self._model_name, timeout_s=self._timeout_s)

    async def _ask_as_known(self, files: Sequence[bytes]) -> list[A]:
        facts = await self._known.facts(self._model_name, timeout_s=self._timeout_s)
        answer_format = self._format(facts)
        request = InferRequest(
            model_name=self._model_name,
            model_version=self._model_version,
            inputs={"image": np.array(files, dtype=object).reshape(-1, 1)},
            outputs=tuple(output.name for output in answer_format.outputs),
            timeout_s=self._timeout_s,
        )
        return read_answers(await self._infer(request, facts), answer_format, request=request, files=files)

    async def _infer(self, request: InferRequest, facts: ModelFacts) -> dict[str, npt.NDArray[Any]]:
        if request.model_version and facts.steps:
            return await infer_version(self._session, facts.steps, request)
        return await self._session.infer(request)

    def _format(self, facts: ModelFacts) -> AnswerFormat[A]:
        if facts.task in self._method.formats:
            return self._method.formats[facts.task]
        if facts.task in PREDICT.formats:
            advice = " or ".join(f"`{name}`" for name in method_names(facts.task))
            raise self._refusal(
                f"a model for `{self._method.name}`", f"one whose task is {facts.task}", f"use {advice}"
            )
        expected = f"a model whose task is one of {', '.join(self._method.formats)}"
        found = f"the task {facts.task!r}" if facts.task else "one that names no task and has the outputs of none"
        raise self._refusal(expected, found, "use `infer`")

    def _refusal(self, expected: str, found: str, advice: str) -> InvalidInput:
        message = f"model {self._model_name!r}: expected {expected}, got {found}; {advice}"
        return InvalidInput(message, model_name=self._model_name)


def _may_be_outdated(error: CronnxError) -> bool:
    """Return whether an error can come from the facts of a model that has been replaced."""
    return error.server_message is None or UNKNOWN_OUTPUT in error.server_message


async def _image_files(images: Sequence[ImageLike], *, timeout_s: float) -> list[bytes]:
    if all(isinstance(image, bytes) for image in images):
        return [image_file(image) for image in images]  # nothing to read or encode, so no thread is needed
    if any(map(is_address, images)):
        images = await _with_downloads(images, timeout_s=timeout_s)
    return await asyncio.to_thread(lambda: [image_file(image) for image in images])


async def _with_downloads(images: Sequence[ImageLike], *, timeout_s: float) -> list[ImageLike]:
    """Return the images with the content of those that are addresses; the first that fails ends the others."""
    from cronnx._download import download  # imported here because aiohttp loads slowly

    async def fetched(image: ImageLike) -> ImageLike:
        return await download(image, timeout_s=timeout_s) if is_address(image) else image

    tasks = [asyncio.create_task(fetched(image)) for image in images]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def read_answers(
    tensors: Mapping[str, npt.NDArray[Any]],
    answer_format: AnswerFormat[A],
    *,
    request: InferRequest,
    files: Sequence[bytes],
) -> list[A]:
    """Read the answer for each image of a request.

    Args:
        tensors: The outputs by name, batch first.
        answer_format: What the outputs must be.
        request: The request that they answer.
        files: The images of the request.

    Raises:
        InvalidInput: The size of an image cannot be read.
        ServerFault: The outputs are not those of the format for this number of images, or contradict each other.
    """
    misfit = answer_format.misfit(tensors, batch=len(files))
    if misfit is not None:
        expected = ", ".join(map(str, answer_format.outputs)).replace("batch", str(len(files)))
        raise _fault(request, f"expected {expected}; got {misfit} (numpy kind, shape)")
    try:
        return [
            answer_format.read(
                ImageTensors(
                    image=file,
                    tensors={name: tensor[position] for name, tensor in tensors.items()},
                    served_by=text(tensors["served_by"][position, 0]),
                    model_name=request.model_name,
                )
            )
            for position, file in enumerate(files)
        ]
    except MalformedAnswerError as error:
        raise _fault(request, str(error)) from error


def _fault(request: InferRequest, reason: str) -> ServerFault:
    message = f"outputs of model {request.model_name!r}: {reason}"
    return ServerFault(message, model_name=request.model_name, request_id=request.request_id)
