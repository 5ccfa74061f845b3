"""An ensemble run step by step, so that any version of its network answers.

Triton gives an ensemble versions of its own, which all run the same steps. So the client reads a version of an ensemble
as one of the model that the ensemble pins, and sends the steps' requests itself: the models, the tensors and so the
answer are those of the ensemble with that version promoted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

from cronnx._errors import InvalidInput
from cronnx._models import NEWEST, StepInfo, steps
from cronnx._session import Session
from cronnx._transports.base import InferRequest, Json, Tensor


@dataclass(frozen=True, slots=True)
class EnsembleStep:
    """One step of an ensemble with its tensors.

    Attributes:
        runs: The model, and the version that the step pins.
        inputs: The ensemble's tensors by the names of the model's inputs.
        outputs: The ensemble's tensors by the names of the model's outputs.
    """

    runs: StepInfo
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


def steps_with_one_pin(config: Json) -> tuple[EnsembleStep, ...]:
    """Read the steps of an ensemble that pins one version of one model; empty for any other model."""
    runs = steps(config)
    if len({step for step in runs if step.model_version != NEWEST}) != 1:
        return ()
    described = config["ensemble_scheduling"]["step"]
    return tuple(
        EnsembleStep(each, step.get("input_map", {}), step.get("output_map", {}))
        for each, step in zip(runs, described, strict=True)
    )


async def infer_version(
    session: Session, ensemble: tuple[EnsembleStep, ...], request: InferRequest
) -> dict[str, npt.NDArray[Any]]:
    """Return the outputs that an ensemble would have if it pinned the version of a request.

    Raises:
        InvalidInput: The steps need an input that the request does not have.
        CronnxError: A step has no answer; the subclass says why.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + request.timeout_s
    tensors: dict[str, Any] = dict(request.inputs)
    left = list(ensemble)
    while left:
        step = next((step for step in left if tensors.keys() >= set(step.inputs.values())), None)
        if step is None:
            raise InvalidInput(
                f"model_version: expected a model that answers from {', '.join(request.inputs)} alone, got"
                f" {request.model_name}; promote the version instead",
                model_name=request.model_name,
            )
        left.remove(step)
        outputs = await session.infer(_request_of(step, request, tensors, timeout_s=deadline - loop.time()))
        tensors.update({tensor: outputs[name] for name, tensor in step.outputs.items()})
    return {name: tensors[name] for name in request.outputs or ()}


def _request_of(
    step: EnsembleStep, request: InferRequest, tensors: Mapping[str, Tensor], *, timeout_s: float
) -> InferRequest:
    return replace(
        request,
        model_name=step.runs.model_name,
        model_version="" if step.runs.model_version == NEWEST else request.model_version,
        inputs={name: tensors[tensor] for name, tensor in step.inputs.items()},
        outputs=tuple(step.outputs),
        timeout_s=timeout_s,
    )
