"""The preprocess backend in a real server, where tests of its pure functions would prove nothing."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
import tritonclient.http
from tritonclient.utils import InferenceServerException

from cronnx_server.build_models.catalogue import catalogue
from cronnx_server.build_models.in_process import InProcessModel
from cronnx_server.paths import MODEL_REPOSITORY, ROOT
from tests.server.conftest import Served
from tests.server.polling import until

Answer = tuple[int, dict[str, Any]]


def generate(served: Served, fields: dict[str, Any], *, model_name: str = "efficientnet_lite0") -> Answer:
    connection = HTTPConnection(served.addresses.address, served.addresses.http_port, timeout=30)
    connection.request("POST", f"/v2/models/{model_name}/generate", json.dumps(fields))
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@pytest.fixture(scope="module")
def triton(served: Served) -> Iterator[tritonclient.http.InferenceServerClient]:
    with tritonclient.http.InferenceServerClient(served.addresses.http.removeprefix("http://")) as client:
        yield client


def ask_for_pixels(triton: tritonclient.http.InferenceServerClient, files: list[bytes]) -> Any:
    tensor = tritonclient.http.InferInput("image", [len(files), 1], "BYTES")
    tensor.set_data_from_numpy(np.array(files, dtype=object).reshape(-1, 1))
    return triton.infer("preprocess_224", [tensor]).as_numpy("pixels")


@pytest.mark.parametrize("form", ["base64", "base64 in lines", "data URL"])
def test_generate_takes_a_picture_as_text(served: Served, pictures: dict[str, Path], form: str) -> None:
    file = pictures["coffee"].read_bytes()
    text = {
        "base64": base64.b64encode(file).decode(),
        "base64 in lines": base64.encodebytes(file).decode(),
        "data URL": "data:image/jpeg;base64," + base64.b64encode(file).decode(),
    }[form]
    status, answer = generate(served, {"image": text})
    assert status == 200
    assert "espresso" in answer["label"]
    assert len(answer["label"]) == len(answer["class_id"]) == len(answer["score"]) == 5
    assert answer["served_by"].startswith("efficientnet_lite0/1@")


def test_generate_says_why_a_picture_is_refused(served: Served) -> None:
    status, answer = generate(served, {"image": base64.b64encode(b"%PDF-1.7").decode()})
    assert status == 400
    assert "image[0]: expected a JPEG, PNG, WebP, BMP, TIFF or GIF image" in answer["error"]


@pytest.mark.parametrize("bad", [b"", b"no image", b"\xff\xd8\xff", b"GIF89a", b"data:text/plain,hello"])
def test_a_refusal_shows_nothing_of_the_server(triton: tritonclient.http.InferenceServerClient, bad: bytes) -> None:
    with pytest.raises(InferenceServerException) as refusal:
        ask_for_pixels(triton, [bad])
    assert refusal.value.status() == "400"
    message = refusal.value.message()
    assert message.startswith("image[0]: ")
    assert not any(leak in message for leak in ("Traceback", "File ", ".py", " at 0x", str(ROOT)))


def test_pixels_are_those_of_the_functions_in_process(
    triton: tritonclient.http.InferenceServerClient, pictures: dict[str, Path]
) -> None:
    files = [path.read_bytes() for path in pictures.values()]
    pixels = ask_for_pixels(triton, files)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (3, 224, 224, 3)
    model = catalogue()["efficientnet_lite0"]
    reference = InProcessModel(model.path(MODEL_REPOSITORY))
    np.testing.assert_array_equal(pixels, reference.preprocess(files)["pixels"])


def test_more_than_a_batch_at_once_is_answered_and_its_wait_is_counted_for_the_metrics_port(
    served: Served, triton: tritonclient.http.InferenceServerClient, pictures: dict[str, Path]
) -> None:
    def counted() -> list[float]:
        with urlopen(served.addresses.metrics, timeout=30) as answer:
            text = answer.read().decode()
        series = r'^cronnx_preprocess_%s_duration_us\{model="preprocess_224",version="1"\} (\S+)$'
        return [float(re.findall(series % name, text, re.MULTILINE)[0]) for name in ("queue", "compute")]

    def ask(_: int) -> bytes:
        with tritonclient.http.InferenceServerClient(served.addresses.http.removeprefix("http://")) as client:
            return bytes(ask_for_pixels(client, [file] * 16).tobytes())

    file, before = pictures["coffee"].read_bytes(), counted()
    alone = ask_for_pixels(triton, [file] * 16).tobytes()
    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(ask, range(48))) == {alone}
    until(lambda: all(now > then for now, then in zip(counted(), before, strict=True)), what="both have grown")
