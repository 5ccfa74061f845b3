"""A server under overload refuses the surplus, whichever queue is full, and leaves no request without an answer.

This project's models queue in `preprocess`. Triton's own queues are tested too, because added models may have them.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from io import BytesIO
from itertools import islice
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

from cronnx import Client, Overloaded, Retry
from cronnx_server.serve.addresses import Addresses
from tests.server.repositories import ONE_INSTANCE, parameter, put, put_python
from tests.server.triton import running

CALLERS, QUEUE, BATCH = 48, 4, 2
TIMEOUT_S = 60.0

# A model that answers with its input as soon as the test opens its gate.
MODEL = """
import fcntl
import json
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def initialize(self, args):
        self.gate = json.loads(args["model_config"])["parameters"]["gate"]["string_value"]

    def execute(self, requests):
        with open(self.gate) as gate:
            fcntl.flock(gate, fcntl.LOCK_SH)
        images = [pb_utils.get_input_tensor_by_name(request, "image").as_numpy() for request in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("label", image)]) for image in images]
"""
TENSORS = """
input [ { name: "image" data_type: TYPE_STRING dims: [ 1 ] } ]
output [ { name: "label" data_type: TYPE_STRING dims: [ 1 ] } ]
"""


def policy(*, timeout_microseconds: int = 10_000_000, queue: int = QUEUE) -> str:
    return (
        f"max_batch_size: {BATCH} instance_group [ {{ count: 1 }} ] dynamic_batching {{ default_queue_policy {{ "
        f"max_queue_size: {queue} timeout_action: REJECT default_timeout_microseconds: {timeout_microseconds} }} }}"
    )


def step(name: str, given: str, made: str) -> str:
    return (
        f'{{ model_name: "{name}" model_version: -1 '
        f'input_map {{ key: "image" value: "{given}" }} output_map {{ key: "label" value: "{made}" }} }}'
    )


def ensemble(first: str, second: str) -> str:
    steps = f"{step(first, 'image', 'between')}, {step(second, 'between', 'label')}"
    return f'platform: "ensemble" max_batch_size: {BATCH} {TENSORS} ensemble_scheduling {{ step [ {steps} ] }}'


def put_gated(repository: Path, name: str, config: str, *, gate: Path) -> None:
    put_python(repository, name, MODEL, f"{config} {parameter('gate', str(gate))} {TENSORS}")


def put_preprocess(repository: Path, name: str, **parameters: int) -> None:
    """Write a model of the backend `preprocess` that decodes one picture at a time, and an ensemble over it."""
    tensors = (
        'input [ { name: "image" data_type: TYPE_STRING dims: [ 1 ] } ] '
        'output [ { name: "pixels" data_type: TYPE_UINT8 dims: [ 8, 8, 3 ] } ]'
    )
    options = "".join(parameter(key, str(value)) for key, value in {"threads": 1, **parameters}.items())
    batching = f"max_batch_size: {BATCH} {ONE_INSTANCE} dynamic_batching {{ }}"
    put(repository, name, f'backend: "preprocess" {batching} {options} {tensors}')
    maps = 'input_map { key: "image" value: "image" } output_map { key: "pixels" value: "pixels" }'
    steps = f'ensemble_scheduling {{ step [ {{ model_name: "{name}" model_version: -1 {maps} }} ] }}'
    put(repository, f"{name}_first", f'platform: "ensemble" max_batch_size: {BATCH} {tensors} {steps}')


def put_router(repository: Path, name: str, arm: str) -> None:
    put(repository, name, f'backend: "router" {policy()} {parameter("arms", f"{arm}/1=1")} {TENSORS}')


class Gate:
    """A lock that the model `held` waits for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    @contextlib.contextmanager
    def closed(self) -> Iterator[None]:
        with self.path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return Gate(tmp_path_factory.mktemp("gate") / "gate")


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Iterator[Addresses]:
    repository = tmp_path_factory.mktemp("repository")
    put_gated(repository, "held", policy(), gate=gate.path)
    put_gated(repository, "free", policy(queue=CALLERS), gate=Path("/dev/null"))
    put_gated(repository, "late", policy(timeout_microseconds=1), gate=Path("/dev/null"))
    put(repository, "held_first", ensemble("held", "free"))
    put(repository, "held_second", ensemble("free", "held"))
    put(repository, "late_first", ensemble("late", "free"))
    put(repository, "late_second", ensemble("free", "late"))
    for arm in ("held", "late"):
        put_router(repository, f"{arm}_router", arm)
        put(repository, f"{arm}_ab", ensemble("free", f"{arm}_router"))
    put_preprocess(repository, "pictures", max_queue_size=QUEUE)
    put_preprocess(repository, "late_pictures", default_timeout_microseconds=1)
    with running([repository]) as addresses:
        yield addresses


@pytest.fixture(scope="module")
def picture() -> bytes:
    """A PNG of few bytes that takes long to decode: the queue fills up before it empties."""
    file = BytesIO()
    Image.linear_gradient("L").resize((2500, 2500)).convert("RGB").save(file, "PNG")
    return file.getvalue()


@pytest.fixture(params=["grpc", "http"])
def client(request: pytest.FixtureRequest, addresses: Addresses) -> Iterator[Client]:
    with Client(getattr(addresses, request.param), retry=Retry(attempts=1), timeout_s=TIMEOUT_S) as client:
        yield client


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(CALLERS) as threads:
        yield threads


def ask(client: Client, model_name: str, number: int = 0) -> bytes:
    answer = client.infer(model_name, {"image": np.array([[b"%d" % number]], dtype=object)})
    label: bytes = answer["label"].item()
    return label


def ask_all(
    threads: ThreadPoolExecutor, client: Client, model_name: str, *, callers: int = CALLERS
) -> list[Future[bytes]]:
    return [threads.submit(ask, client, model_name, number) for number in range(callers)]


def refused(asked: list[Future[bytes]], *, at_least: int) -> set[type[BaseException] | None]:
    """Wait until `at_least` requests have ended and return their errors; None stands for an answer."""
    return {_error(each) for each in islice(as_completed(asked, timeout=TIMEOUT_S), at_least)}


def _error(asked: Future[bytes]) -> type[BaseException] | None:
    error = asked.exception(TIMEOUT_S)
    return type(error) if error else None


def status(addresses: Addresses, model_name: str, *contents: str) -> int:
    data = contents or ("a",)
    tensor = {"name": "image", "datatype": "BYTES", "shape": [len(data), 1], "data": data}
    body = json.dumps({"inputs": [tensor]}).encode()
    try:
        with urlopen(f"{addresses.http}/v2/models/{model_name}/infer", body, timeout=TIMEOUT_S) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def look(client: Client, model_name: str, *pictures: bytes) -> bytes:
    answer = client.infer(model_name, {"image": np.array(pictures, dtype=object).reshape(-1, 1)})
    pixels: bytes = answer["pixels"].tobytes()
    return pixels


@pytest.mark.parametrize("model_name", ["pictures", "pictures_first"])
def test_pictures_beyond_the_queue_are_refused_and_the_others_answered(
    client: Client, threads: ThreadPoolExecutor, picture: bytes, model_name: str
) -> None:
    alone = look(client, model_name, picture)
    asked = [threads.submit(look, client, model_name, picture) for _ in range(CALLERS)]
    assert {_error(each) for each in asked} == {Overloaded, None}
    answered = [each.result() for each in asked if not each.exception()]
    assert len(answered) >= QUEUE
    assert set(answered) == {alone}
    assert any("Exceeds maximum queue size" in str(each.exception()) for each in asked)
    assert look(client, model_name, picture) == alone


@pytest.mark.parametrize("model_name", ["late_pictures", "late_pictures_first"])
def test_a_picture_that_waited_too_long_is_refused(client: Client, addresses: Addresses, model_name: str) -> None:
    with pytest.raises(Overloaded, match="Request timeout expired"):
        look(client, model_name, *[b"a"] * BATCH)  # a smaller batch would not wait
    assert status(addresses, model_name, *["a"] * BATCH) == 503


@pytest.mark.parametrize("model_name", ["held", "held_first", "held_second", "held_ab"])
def test_the_surplus_is_refused_at_once_and_what_was_accepted_is_answered(
    client: Client, threads: ThreadPoolExecutor, gate: Gate, model_name: str
) -> None:
    most_places = 2 * (QUEUE + BATCH)  # of the model and of a router that calls it
    with gate.closed():
        asked = ask_all(threads, client, model_name)
        assert refused(asked, at_least=CALLERS - most_places) == {Overloaded}
    assert {_error(each) for each in asked} == {Overloaded, None}
    answered = {number: each.result() for number, each in enumerate(asked) if not each.exception()}
    assert len(answered) >= QUEUE
    assert answered == {number: b"%d" % number for number in answered}
    assert ask(client, model_name) == b"0"


def test_callers_of_an_ab_test_are_refused_where_others_have_filled_its_arm(
    client: Client, threads: ThreadPoolExecutor, gate: Gate, addresses: Addresses
) -> None:
    others = []
    with gate.closed():
        # A batch may leave the queue while the first wave arrives; the second wave fills its places.
        for callers, places in ((CALLERS, QUEUE + BATCH), (2 * BATCH, BATCH)):
            wave = ask_all(threads, client, "held", callers=callers)
            assert refused(wave, at_least=callers - places) == {Overloaded}
            others += wave
        with pytest.raises(Overloaded, match="Exceeds maximum queue size"):
            ask(client, "held_ab")
        assert status(addresses, "held_ab") == 503
        assert status(addresses, "held_second") == 503
    assert {_error(each) for each in others} == {Overloaded, None}
    assert ask(client, "held_ab") == b"0"


@pytest.mark.parametrize("model_name", ["late", "late_first", "late_second", "late_ab"])
def test_a_request_that_waited_too_long_is_refused(client: Client, addresses: Addresses, model_name: str) -> None:
    with pytest.raises(Overloaded, match="Request timeout expired"):
        ask(client, model_name)
    assert status(addresses, model_name) == 503
