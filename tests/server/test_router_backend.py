"""The router backend in a real server: arms, counters, failures, and weights that change under load."""

from __future__ import annotations

import math
import os
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any
from urllib.request import urlopen

import numpy as np
import numpy.typing as npt
import pytest

from cronnx import Client, CronnxError, InvalidInput, NotReady, Retry, ServerFault
from cronnx_server.serve.addresses import Addresses
from tests.server import echo
from tests.server.repositories import ONE_INSTANCE, parameter, put, put_python
from tests.server.triton import running

Z_999 = 3.2905
BATCH = 64
REFUSED = {
    "misspelt": ("armz", "echo/1=1", "unknown parameter 'armz': expected arms or shadow"),
    "malformed": ("arms", "echo=1", "parameter 'arms': expected MODEL/VERSION such as resnet50_onnx/2, got 'echo'"),
    "negative": ("arms", "echo/1=1 echo/2=-1", "parameter 'arms': expected a weight of 0 or more, got 'echo/2=-1'"),
    "weightless": (
        "arms",
        "echo/1=0",
        "parameter 'arms': expected MODEL/VERSION=WEIGHT ... with a weight above 0, got 'echo/1=0'",
    ),
}


def router(*parameters: str, batching: str = "dynamic_batching { }", instances: int = 1) -> str:
    """Return the configuration of a router over versions of the model `echo`."""
    inputs, outputs = echo.TENSORS.partition("input ")[2].split("output ")
    user_id = ', { name: "user_id" data_type: TYPE_STRING dims: [ 1 ] optional: true } ]'
    return (
        f'backend: "router"\nmax_batch_size: 64\ninstance_group [ {{ count: {instances} }} ]\n'
        f"{batching}\ninput {inputs.strip().removesuffix(']')}{user_id}\noutput {outputs}\n{''.join(parameters)}"
    )


# The delay is beyond the client's timeout, so that an answer comes only from a full batch.
THREE_AT_ONCE = "dynamic_batching { preferred_batch_size: [ 3 ] max_queue_delay_microseconds: 60000000 }"
ROUTERS = {
    "split": router(parameter("arms", "echo/1=90 echo/2=10"), instances=2),
    "reweighted": router(parameter("arms", "echo/1=90 echo/2=10"), instances=2),
    "canary": router(parameter("arms", "echo/1=50 absent/1=50")),
    "broken": router(parameter("arms", "absent/1=1 echo/1=1")),
    "together": router(parameter("arms", "echo/1=1"), batching=THREE_AT_ONCE),
    "agreeing": router(parameter("arms", "echo/1=1"), parameter("shadow", "echo/2")),
    "differing": router(parameter("arms", "echo/1=1"), parameter("shadow", "echo/3")),
    "waiting": router(parameter("arms", "echo/1=1"), parameter("shadow", "held/1")),
    "failing": router(parameter("arms", "echo/1=1"), parameter("shadow", "absent/1")),
}
HELD = """
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        open({fifo!r}).close()  # waits until the test opens the other end
        tensor = pb_utils.Tensor("class_id", np.zeros((1, 5), np.int64))
        return [pb_utils.InferenceResponse([tensor]) for _ in requests]
"""
ENSEMBLE = """
platform: "ensemble" max_batch_size: 64
input [ { name: "image" data_type: TYPE_STRING dims: [ 1 ] },
        { name: "user_id" data_type: TYPE_STRING dims: [ 1 ] optional: true } ]
output [ { name: "label" data_type: TYPE_STRING dims: [ 5 ] },
         { name: "served_by" data_type: TYPE_STRING dims: [ 1 ] } ]
ensemble_scheduling { step [ { model_name: "reweighted" model_version: -1
  input_map { key: "image" value: "image" } input_map { key: "user_id" value: "user_id" }
  output_map { key: "label" value: "label" } output_map { key: "served_by" value: "served_by" } } ] }
"""


def put_echo(repository: Path) -> None:
    """Write three versions of `echo`; the third one answers with other classes."""
    for version, first_class_id in ((1, 0), (2, 0), (3, 7)):
        folder = put(repository, echo.MODEL_NAME, echo.CONFIG + "version_policy { all { } }", version=version)
        model = echo.graph(f"echo/{version}@00000000", first_class_id=first_class_id)
        (folder / "model.onnx").write_bytes(model)


@pytest.fixture(scope="module")
def fifo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pipe that the model `held` waits for."""
    path = tmp_path_factory.mktemp("held") / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory, fifo: Path) -> Iterator[Addresses]:
    repository = tmp_path_factory.mktemp("repository")
    put_echo(repository)
    put_python(repository, "held", HELD.format(fifo=str(fifo)), f"max_batch_size: 64 {ONE_INSTANCE} {echo.TENSORS}")
    for name, config in ROUTERS.items():
        put(repository, name, config)
    for name, (key, value, _) in REFUSED.items():
        put(repository, name, router(parameter(key, value)))
    put(repository, "ab", ENSEMBLE)
    flags = ["--exit-on-error=false", "--strict-readiness=false", "--disable-auto-complete-config"]
    with running([repository], "--model-control-mode=explicit", "--load-model=*", *flags) as addresses:
        yield addresses


@pytest.fixture
def client(addresses: Addresses) -> Iterator[Client]:
    with Client(addresses.grpc, retry=Retry(attempts=1)) as client:
        yield client


@dataclass(frozen=True)
class Answer:
    labels: list[bytes]
    served_by: list[str]


def ask(client: Client, model_name: str, images: Sequence[bytes], *, users: Sequence[bytes] | None = None) -> Answer:
    inputs = {"image": column(images), **({} if users is None else {"user_id": column(users)})}
    outputs = client.infer(model_name, inputs, outputs=["label", "served_by"])
    served_by = [each.decode().partition("@")[0] for each in outputs["served_by"][:, 0]]
    return Answer(outputs["label"][:, 0].tolist(), served_by)


def column(elements: Sequence[bytes]) -> npt.NDArray[Any]:
    return np.array(elements, dtype=object).reshape(-1, 1)


SAMPLE = re.compile(r"cronnx_router_(?P<name>\w+)\{(?P<labels>[^}]*)\} (?P<value>\S+)")


def counted(addresses: Addresses, name: str, router_name: str, label: str = "arm") -> dict[str, float]:
    """Return the nonzero counters of a router on the metrics port, by arm or by another label."""
    found = {}
    with urlopen(addresses.metrics) as page:
        samples = [match for line in page if (match := SAMPLE.match(line.decode()))]
    for sample in samples:
        labels = dict(re.findall(r'(\w+)="([^"]*)"', sample["labels"]))
        labels["arm"] = f"{labels['model']}/{labels['version']}"
        if (sample["name"], labels["router"]) == (name, router_name) and float(sample["value"]):
            found[labels[label]] = float(sample["value"])
    return found


def users(count: int) -> list[bytes]:
    return [f"user-{number}".encode() for number in range(count)]


def arms_of(client: Client, model_name: str, ids: Sequence[bytes]) -> list[str]:
    """Return the arm that answers each of these users."""
    batches = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
    return [arm for batch in batches for arm in ask(client, model_name, batch, users=batch).served_by]


# Who answers


def test_images_without_a_user_are_split_by_weight_and_counted_exactly(client: Client, addresses: Addresses) -> None:
    draws = 10_000
    batches = [[b"%d" % image for image in range(start, min(start + BATCH, draws))] for start in range(0, draws, BATCH)]
    with ThreadPoolExecutor(max_workers=8) as threads:
        answers = list(threads.map(lambda batch: ask(client, "split", batch), batches))
    assert [answer.labels for answer in answers] == batches
    found = Counter(arm for answer in answers for arm in answer.served_by)
    assert sum(found.values()) == draws
    assert abs(found["echo/2"] - draws * 0.1) <= 6 * math.sqrt(draws * 0.1 * 0.9)  # once in 500 million runs
    assert counted(addresses, "images_total", "split") == found
    calls = counted(addresses, "latency_seconds_count", "split")
    assert found.keys() == calls.keys()
    assert all(0 < calls[arm] <= len(batches) for arm in found)


def test_a_user_always_gets_the_same_arm(client: Client) -> None:
    ids = users(1000) * 5
    random.Random(5).shuffle(ids)  # noqa: S311 - reproducible
    found = arms_of(client, "split", ids)
    assert len(set(zip(ids, found, strict=True))) == 1000
    assert set(found) == {"echo/1", "echo/2"}


def test_an_ensemble_passes_the_user_on_and_needs_none(client: Client) -> None:
    ids = users(BATCH)
    assert ask(client, "ab", ids, users=ids) == ask(client, "reweighted", ids, users=ids)
    assert ask(client, "ab", [b"a"]).labels == [b"a"]


# Weights that change


def test_weights_change_under_load_without_a_failed_request_and_nothing_is_miscounted(
    client: Client, addresses: Addresses
) -> None:
    before = Counter(counted(addresses, "images_total", "reweighted"))
    is_over = Event()

    def load(worker: int) -> Counter[str]:
        images, found = [b"%d" % worker] * 2, Counter[str]()
        while not is_over.is_set():
            answer = ask(client, "ab", images)
            assert answer.labels == images
            found.update(answer.served_by)
        return found

    with ThreadPoolExecutor(max_workers=8) as threads:
        workers = [threads.submit(load, worker) for worker in range(8)]
        try:
            for weights in ({"1": 50, "2": 50}, {"1": 0, "2": 100}, {"1": 90, "2": 10}):
                client.split("ab", weights)
        finally:
            is_over.set()
        found = sum((worker.result() for worker in workers), Counter[str]())
    assert Counter(counted(addresses, "images_total", "reweighted")) - before == found


def test_where_a_weight_grows_only_so_many_users_move_and_only_to_it(client: Client, addresses: Addresses) -> None:
    ids = users(2000)
    client.split("ab", {"1": 90, "2": 10})
    before = arms_of(client, "ab", ids)
    counted_before = counted(addresses, "images_total", "reweighted")
    client.split("ab", {"1": 80, "2": 20})
    after = arms_of(client, "ab", ids)
    moves = Counter(zip(before, after, strict=True))
    assert moves["echo/2", "echo/1"] == 0
    assert abs(moves["echo/1", "echo/2"] - 200) <= Z_999 * math.sqrt(2000 * 0.1 * 0.9)
    counted_after = counted(addresses, "images_total", "reweighted")
    assert {arm: counted_after[arm] - counted_before[arm] for arm in counted_after} == Counter(after)


# What fails


def test_a_canary_that_fails_is_answered_by_the_first_arm_and_counted(client: Client, addresses: Addresses) -> None:
    answers = [ask(client, "canary", [b"a"] * 4) for _ in range(25)]
    assert {arm for answer in answers for arm in answer.served_by} == {"echo/1"}
    failures = counted(addresses, "failures_total", "canary")
    assert failures.keys() == {"absent/1"}
    assert failures == counted(addresses, "fallbacks_total", "canary")
    assert 0 < failures["absent/1"] < 100
    assert counted(addresses, "images_total", "canary") == {"echo/1": 100}


def test_a_failure_of_the_first_arm_reaches_the_caller(client: Client) -> None:
    user = next(each for each in users(100) if fails(client, each))
    with pytest.raises(ServerFault, match="'absent' is not ready"):
        ask(client, "broken", [b"a"], users=[user])


def fails(client: Client, user: bytes) -> bool:
    try:
        ask(client, "broken", [b"a"], users=[user])
    except ServerFault:
        return True
    return False


def test_of_a_batch_only_the_request_that_an_arm_refuses_fails(client: Client) -> None:
    def answer(image: bytes) -> list[bytes] | str:
        try:
            return ask(client, "together", [image]).labels
        except CronnxError as error:  # Triton 24.10 does not pass on that it is the caller's fault
            return str(error)

    with ThreadPoolExecutor(max_workers=3) as threads:
        first, second, third = threads.map(answer, [b"a", b"\xff", b"b"])
    assert (first, third) == ([b"a"], [b"b"])
    assert "is not UTF-8" in second


def test_a_user_id_of_the_wrong_shape_is_the_callers_fault(client: Client) -> None:
    inputs = {"image": column([b"a", b"b"]), "user_id": column([b"user"])}
    with pytest.raises(InvalidInput, match="batch size does not match other inputs"):
        client.infer("split", inputs)


@pytest.mark.parametrize("name", REFUSED)
def test_a_router_that_cannot_be_served_as_configured_is_refused_and_says_why(client: Client, name: str) -> None:
    (status,) = [each for each in client.models() if each.name == name]
    assert f"model '{name}': {REFUSED[name][2]}" in status.reason


def test_weights_that_are_refused_leave_those_that_were(client: Client) -> None:
    ids = users(BATCH)
    before = ask(client, "split", ids, users=ids)
    for weights in ({"1": 1, "2": -1}, {"1": 0}, {"1": 1, "absent/1": 1}):
        with pytest.raises((InvalidInput, NotReady)):
            client.split("split", weights)
    assert ask(client, "split", ids, users=ids) == before


# The shadow


def let_the_shadow_end(client: Client, router_name: str) -> None:
    """Send a request that is refused: a router of one instance takes it only after its last shadow request."""
    with pytest.raises(CronnxError, match="is not UTF-8"):
        ask(client, router_name, [b"\xff"])


@pytest.mark.parametrize(
    ("router_name", "outcome"), [("agreeing", "agreed"), ("differing", "disagreed"), ("failing", "failed")]
)
def test_a_shadow_is_compared_and_costs_nobody_an_error(
    client: Client, addresses: Addresses, router_name: str, outcome: str
) -> None:
    for number in range(50):
        image = b"%d" % number
        assert ask(client, router_name, [image] * 2) == Answer([image] * 2, ["echo/1"] * 2)
    let_the_shadow_end(client, router_name)
    found = counted(addresses, "shadow_images_total", router_name, label="outcome")
    assert found.keys() <= {outcome, "skipped"}
    assert found[outcome] > 0
    assert sum(found.values()) == 100


def test_an_answer_does_not_wait_for_the_shadow(client: Client, addresses: Addresses, fifo: Path) -> None:
    assert ask(client, "waiting", [b"a"]).labels == [b"a"]
    assert counted(addresses, "shadow_images_total", "waiting", label="outcome") == {}
    with fifo.open("w"):  # opens when the shadow has come so far
        pass
    let_the_shadow_end(client, "waiting")
    assert counted(addresses, "shadow_images_total", "waiting", label="outcome") == {"agreed": 1.0}
