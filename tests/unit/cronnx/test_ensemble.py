"""Versions of an ensemble, over a transport without a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cronnx import Client, InvalidInput, ModelNotFound, Retry
from cronnx._transports.base import InferRequest
from tests.unit.cronnx.answers import classify, config
from tests.unit.cronnx.fake_transport import FakeTransport

Tensors = dict[str, npt.NDArray[Any]]

PREPROCESS = {
    "model_name": "preprocess",
    "model_version": "-1",
    "input_map": {"image": "image"},
    "output_map": {"pixels": "upright", "geometry": "geometry"},
}
NETWORK = {
    "model_name": "net_onnx",
    "model_version": "1",
    "input_map": {"pixels": "upright", "geometry": "geometry"},
    "output_map": {name: name for name in ("label", "class_id", "score", "served_by")},
}


class Steps(FakeTransport):
    """Answers as the models that an ensemble runs, of which the network has the versions 1 and 2."""

    def __init__(self, *steps: dict[str, Any]) -> None:
        super().__init__()
        self.config = {**config("classification"), "ensemble_scheduling": {"step": list(steps)}}

    async def infer(self, request: InferRequest) -> Tensors:
        self.requests.append(request)
        match request.model_name, request.model_version:
            case "preprocess", "":
                image = request.inputs["image"]
                assert isinstance(image, np.ndarray)
                outputs = {"pixels": image, "geometry": np.zeros((len(image), 6), np.float32)}
            case ("net_onnx", "1" | "2") | ("net", ""):
                images = request.inputs.get("pixels", request.inputs.get("image"))
                assert isinstance(images, np.ndarray)
                served_by = f"{request.model_name}/{request.model_version}".encode()
                outputs = {**classify(images[:, 0].tolist()), "served_by": _column(served_by, len(images))}
            case _:
                raise ModelNotFound("Request for unknown model", server_message="Request for unknown model")
        return {name: outputs[name] for name in request.outputs or ()}


def _column(element: bytes, count: int) -> npt.NDArray[Any]:
    return np.array([[element]] * count, dtype=object)


def classified_by(transport: Steps, images: Sequence[bytes] = (b"cat",), *, version: str | int = "") -> set[str]:
    with Client(transport=transport, retry=Retry(attempts=1)) as client:
        answers = client.classify(images, model_name="net", model_version=version)
    assert [answer.label for answer in answers] == [image.decode() for image in images]
    return {answer.served_by for answer in answers}


@pytest.mark.parametrize("version", [1, 2, "2"])
@pytest.mark.parametrize("steps", [(PREPROCESS, NETWORK), (NETWORK, PREPROCESS)])
def test_a_version_of_an_ensemble_is_one_of_its_network(version: str | int, steps: Any) -> None:
    assert classified_by(Steps(*steps), [b"cat", b"dog"], version=version) == {f"net_onnx/{version}"}


def test_without_a_version_the_server_runs_the_steps() -> None:
    transport = Steps(PREPROCESS, NETWORK)
    assert classified_by(transport) == {"net/"}
    assert len(transport.requests) == 1


def test_a_version_that_is_not_loaded_is_reported() -> None:
    with pytest.raises(ModelNotFound):
        classified_by(Steps(PREPROCESS, NETWORK), version=3)


@pytest.mark.parametrize("pins", [["-1", "-1"], ["1", "1"]])
def test_a_version_of_an_ensemble_without_one_pin_is_left_to_the_server(pins: list[str]) -> None:
    steps = [{**step, "model_version": pin} for step, pin in zip((PREPROCESS, NETWORK), pins, strict=True)]
    transport = Steps(*steps)
    with pytest.raises(ModelNotFound):
        classified_by(transport, version=2)
    assert [(request.model_name, request.model_version) for request in transport.requests] == [("net", "2")]


def test_an_ensemble_that_needs_more_than_the_image_is_refused() -> None:
    network = {**NETWORK, "input_map": {"pixels": "upright", "user_id": "user_id"}}
    with pytest.raises(InvalidInput, match="promote the version instead"):
        classified_by(Steps(PREPROCESS, network), version=2)
