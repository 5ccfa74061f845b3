"""Cases of the ONNX suite run by the onnxruntime backend, in this process or in a server."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc
from tritonclient.utils import np_to_triton_dtype

from cronnx_onnxruntime import autocomplete, runner
from cronnx_onnxruntime.errors import InferenceError
from cronnx_onnxruntime.runner import Request, Runner
from tests.server.onnx_suite import Arrays, Case, as_text
from tests.server.triton import running

AT_ONCE = 4  # models loaded together: each is three processes of about 60 MB
LOADING_TIMEOUT_S = 300

Failures = dict[str, str]


def answered_in_process(cases: Iterable[Case], folder: Path) -> Failures:
    """Return why cases fail in the backend without a server, called as its `model.py` calls it."""
    return _failures(cases, lambda case: _check_in_process(case, folder / "model.onnx"))


def answered_by_server(cases: Iterable[Case], repository: Path) -> Failures:
    """Return why cases fail in a server, which loads, runs and unloads a few models at a time."""
    cases = list(cases)
    local = threading.local()
    with running([repository], "--model-control-mode=explicit") as addresses:

        def check(case: Case) -> None:
            if not hasattr(local, "client"):
                local.client = tritonclient.grpc.InferenceServerClient(addresses.grpc.partition("://")[2])
            _check_by_server(case, repository, local.client)

        return _failures(cases, check, threads=AT_ONCE)


def _failures(cases: Iterable[Case], check: Callable[[Case], None], *, threads: int = 1) -> Failures:
    def failure(case: Case) -> tuple[str, str]:
        try:
            check(case)
        except Exception as error:  # noqa: BLE001 - any error is the case's failure
            return case.name, " ".join(f"{type(error).__name__}: {error}".split())[:500]
        return case.name, ""

    with ThreadPoolExecutor(threads) as pool:
        return {name: reason for name, reason in pool.map(failure, cases) if reason}


def _check_in_process(case: Case, path: Path) -> None:
    path.write_bytes(case.model.SerializeToString())
    config: dict[str, Any] = {"max_batch_size": 0, "input": [], "output": []}
    config.update(autocomplete.completions(config, runner.signature(path, config)))
    loaded = Runner(path, config, kind="CPU", device_id=0)
    wanted = [entry["name"] for entry in config["output"]]

    def infer(inputs: Arrays) -> Arrays:
        given = {name: _on_the_wire(array) for name, array in inputs.items()}
        (answer,) = loaded.answers([Request(given, wanted)])
        if isinstance(answer, InferenceError):
            raise answer
        return {name: _as_in_the_graph(array, case, name) for name, array in answer.items()}

    case.check(infer)


def _check_by_server(case: Case, repository: Path, client: Any) -> None:
    folder = repository / case.name
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.onnx").write_bytes(case.model.SerializeToString())
    client.load_model(case.name, client_timeout=LOADING_TIMEOUT_S)
    try:
        case.check(lambda inputs: _infer(case, inputs, client))
    finally:
        client.unload_model(case.name, client_timeout=LOADING_TIMEOUT_S)
        shutil.rmtree(folder)


def _infer(case: Case, inputs: Arrays, client: Any) -> Arrays:
    tensors = []
    for name, array in ((name, _on_the_wire(array)) for name, array in inputs.items()):
        tensors.append(tritonclient.grpc.InferInput(name, array.shape, np_to_triton_dtype(array.dtype)))
        tensors[-1].set_data_from_numpy(array)
    result = client.infer(case.name, tensors)
    names = [output.name for output in result.get_response().outputs]
    return {name: _as_in_the_graph(result.as_numpy(name), case, name) for name in names}


def _on_the_wire(array: Any) -> Any:
    """Return a scalar as the one element that Triton makes of it, and text as bytes."""
    if array.dtype.kind in "OUS":
        array = np.array([each.encode() for each in as_text(array).ravel()], dtype=object).reshape(array.shape)
    return array.reshape(1) if array.ndim == 0 else array


def _as_in_the_graph(array: Any, case: Case, name: str) -> Any:
    (value,) = (value for value in case.model.graph.output if value.name == name)
    tensor = value.type.tensor_type
    return array.reshape(()) if tensor.HasField("shape") and not tensor.shape.dim and array.shape == (1,) else array
